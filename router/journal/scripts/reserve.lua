#!lua flags=allow-oom
local rate = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Reserves the next attempts that a rate allows within the lookahead. All times are in microseconds
-- (us). The key contains the time at which the next attempt is due if all are evenly spread (the
-- theoretical arrival time of GCRA); a burst may begin before it.
-- Returns: the offset of each reserved attempt from now, the offset of the first one that is free.
local seconds, microseconds = unpack(redis.call('TIME'))
local now = tonumber(seconds) * 1000000 + tonumber(microseconds)
local ahead = (arguments.burst - 1) * arguments.interval_us
-- No later than a reservation can make it: the clock may have been ahead, or the rate was lower.
local latest = now + arguments.lookahead_us + ahead + arguments.interval_us
local due = math.min(math.max(now, tonumber(redis.call('GET', rate) or '0')), latest)
local offsets = {}
for i = 1, arguments.wanted do
  local at = math.max(now, due - ahead)
  if at - now > arguments.lookahead_us then break end
  offsets[i] = at - now
  due = due + arguments.interval_us
end
if #offsets > 0 then
  redis.call('SET', rate, string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000) + 1000)
end
return {offsets, math.max(0, due - ahead - now)}

-- Reserves turns: the next ones of a rate that begin within a horizon. All times in microseconds.
-- The key holds the time at which the next turn is due if all come evenly (GCRA's theoretical
-- arrival time); a burst may run ahead of it.
-- KEYS: rate
-- ARGV: interval, burst, wanted, horizon
-- Returns: the offset of each turn from now, the offset of the first turn that is left
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval = tonumber(ARGV[1])
local ahead = (tonumber(ARGV[2]) - 1) * interval
local due = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local offsets = {}
for i = 1, tonumber(ARGV[3]) do
  local at = math.max(now, due - ahead)
  if at - now > tonumber(ARGV[4]) then break end
  offsets[i] = at - now
  due = due + interval
end
if #offsets > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', due),
             'PX', math.ceil((due - now) / 1000) + 1000)
end
return {offsets, math.max(0, due - ahead - now)}

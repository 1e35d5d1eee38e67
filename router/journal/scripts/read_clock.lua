#!lua flags=allow-oom
local latest, moves = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Reads Redis's clock, and stores its latest time. A clock that was set back by more than a tolerance
-- leaves that time as it is, for set_back.lua.
-- Returns: seconds, microseconds; the ms by which the clock was set back, else 0; the number of sorted
--          sets that set_back.lua has set aside.
local seconds, microseconds = unpack(redis.call('TIME'))
local now_ms = seconds * 1000 + math.floor(microseconds / 1000)
local back_ms = (tonumber(run_or_delete('GET', latest)) or 0) - now_ms
if back_ms <= arguments.tolerance_ms then
  redis.call('SET', latest, string.format('%.0f', now_ms))
  back_ms = 0
end
return {tonumber(seconds), tonumber(microseconds), back_ms, write('HLEN', moves)}

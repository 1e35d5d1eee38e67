#!lua flags=allow-oom
local latest, moves = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Sets sorted sets of due times aside, because Redis's clock was set back: what is due would wait for
-- as long again. Each is renamed, which takes no time, and moved back page by page. Guarded by the
-- latest time: if two processes notice, the second one changes nothing.
-- Returns: the ms by which the clock was set back; 0 if it was not, or another process was first.
local now_ms = redis_ms()
local latest_ms = tonumber(run_or_delete('GET', latest)) or 0
local back_ms = latest_ms - now_ms
if back_ms <= arguments.tolerance_ms then return 0 end
-- What an earlier step has set aside was written by the same clock.
for _, aside in ipairs(write('HKEYS', moves)) do
  redis.call('HINCRBY', moves, aside, back_ms)
end
for _, due_times in ipairs(arguments.due_times) do
  if redis.call('EXISTS', due_times) == 1 then
    -- A later ms if that of this step is in use, because an earlier one may have had the same latest time.
    local at_ms = latest_ms
    local aside
    repeat
      aside = due_times .. ':set-back:' .. string.format('%.0f', at_ms)
      at_ms = at_ms + 1
    until redis.call('EXISTS', aside) == 0
    redis.call('RENAME', due_times, aside)
    redis.call('HSET', moves, aside, back_ms)
  end
end
redis.call('SET', latest, string.format('%.0f', now_ms))
return back_ms

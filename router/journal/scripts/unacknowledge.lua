#!lua flags=allow-oom
local acknowledgement, alert, alerts, looks, lane = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Deletes an acknowledgement. Destinations that were told of it may be told of the next one.
-- Returns: 1; 0 if there was none.
if redis.call('DEL', acknowledgement) == 0 then return 0 end
local now_ms = clock_ms(arguments.set_ms)
note_change(alert, alerts, looks, arguments.key, now_ms, 'unacknowledged', arguments.by, nil)
local destinations = run_or_delete('HGETALL', lane)
for at = 1, #destinations, 2 do
  local destination, packed = unpack(destinations, at, at + 1)
  local is_readable, state = pcall(cmsgpack.unpack, packed)
  local latest_status = 2
  if is_readable and type(state) == 'table' and state[latest_status] == 'acknowledged' then
    state[latest_status] = 'firing'
    redis.call('HSET', lane, destination, cmsgpack.pack(state))
  end
end
return 1

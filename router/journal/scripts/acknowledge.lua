local acknowledgement, ledger, alert, alerts, looks = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Acknowledges the alerts of a key, and opens the deliveries that tell destinations of it, in one step.
-- A destination is not told if the latest of the key that is for it is an end, or an acknowledgement.
-- Returns: the number of deliveries opened.
local now_ms, opened = clock_ms(arguments.set_ms), 0
redis.call('HSET', acknowledgement, 'by', arguments.by, 'at', arguments.at)
redis.call('EXPIRE', acknowledgement, arguments.lasts)
note_change(alert, alerts, looks, arguments.key, now_ms, 'acknowledged', arguments.by,
            arguments.by)
for _, told in ipairs(arguments.told) do
  local id, record, key, set, opened_field, lanes = unpack(told)
  use_lanes(lanes, now_ms)
  local state = lane_of(lanes, key)
  -- An alert that stands alone had no lane before.
  if state[LATEST_STATUS] == 'firing' or state[LATEST_STATUS] == '' then
    -- Right behind the firing, because an end that is decided already has a greater number.
    local number = state[LATEST] > 0 and state[LATEST] + 1 or 0
    if enter_lane(lanes, key, id, number, 'acknowledged', record, lanes.set_id, {}) then
      redis.call('HSET', set, id, record)
      enqueue(lanes.set_id, now_ms, lanes.open_sets, lanes.queue, lanes.job_prefix .. lanes.set_id,
              lanes.job_record, lanes.wake_channel)
    end
    opened = opened + 1
    add_to(ledger, opened_field, 1)
    count_dropped(lanes, ledger)
  end
end
return opened

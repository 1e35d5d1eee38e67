local tested, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Opens the deliveries of a test message to a destination, each in a set of its own, unless another one was
-- opened a moment ago. One with a key goes through its lane.
-- Returns: 0; the ms until a test message may be opened, if it is too early.
if not redis.call('SET', tested, '1', 'NX', 'PX', arguments.pause_ms) then
  return math.max(1, redis.call('PTTL', tested))
end
local now_ms = clock_ms(arguments.set_ms)
for _, message in ipairs(arguments.messages) do
  local id, record, key, status, set, opened_field, lanes = unpack(message)
  use_lanes(lanes, now_ms)
  if key == '' or enter_lane(lanes, key, id, 0, status, record, lanes.set_id, {}) then
    redis.call('HSET', set, id, record)
    enqueue(lanes.set_id, now_ms, lanes.open_sets, lanes.queue, lanes.job_prefix .. lanes.set_id,
            lanes.job_record, lanes.wake_channel)
  end
  add_to(ledger, opened_field, 1)
  count_dropped(lanes, ledger)
end
return 0

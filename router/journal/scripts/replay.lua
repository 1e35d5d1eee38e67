local dead_letters, dead_letter_index, set, open_sets, queue, job, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves dead letters back into the queue of their destination, under new ids, as one set. Guarded
-- by the record of each: if two operators replay the same one, the second moves nothing. A dead letter
-- that was superseded since it was read refers to another alert, and is not moved. One with a key goes
-- through its lane; it is dropped if its receiver was told something later of that key.
-- The largest write is the first one, because a Redis that is out of memory rejects only that one.
-- Returns: the number of dead letters moved; the number of those that were overtaken.
local moved, sent, entered = 0, 0, {}
local lanes = use_lanes(arguments.lanes, clock_ms(arguments.set_ms))
for _, move in ipairs(arguments.moves) do
  local old_id, new_id, record, key, status, number = unpack(move)
  local letter = redis.call('HGET', dead_letters, old_id)
  if letter and reference_in(letter) == reference_in(record) then
    if key == '' or enter_lane(lanes, key, new_id, number, status, record, arguments.set_id, entered) then
      redis.call('HSET', set, new_id, record)
      sent = sent + 1
    end
    redis.call('HDEL', dead_letters, old_id)
    redis.call('ZREM', dead_letter_index, old_id)
    moved = moved + 1
  end
end
if moved == 0 then return {0, 0} end
local overtaken = lanes.overtaken or 0
add_to(ledger, arguments.dead_field, -moved)
add_to(ledger, arguments.replayed_field, moved - overtaken)
count_dropped(lanes, ledger)
if sent > 0 then
  enqueue(arguments.set_id, lanes.now_ms, open_sets, queue, job, arguments.job_record,
          arguments.wake_channel)
end
return {moved, overtaken}

#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, orphaned, dead_letters, dead_letter_index, ledger =
  unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves the deliveries of one set of a removed destination to the dead letters. Guarded by the
-- mark, which a worker that delivers there deletes, and by the set's lease. A dead letter with the
-- same id, of an event that arrived again after the dedup window, is superseded. A delivery with a key
-- leaves its lane, and takes its number along. Idempotent.
-- Returns: the number of deliveries moved; -1 if a worker has claimed the destination.
if redis.call('HGET', orphaned, arguments.destination) ~= arguments.mark then return -1 end
if redis.call('EXISTS', lease) == 1 then return 0 end
local moved, added = 0, 0
local now_ms = clock_ms(arguments.set_ms)
local lanes = arguments.lanes and use_lanes(arguments.lanes, now_ms)
for _, letter in ipairs(arguments.letters) do
  local id, record, key = unpack(letter)
  local delivery = redis.call('HGET', set, id)
  if delivery and reference_in(delivery) == reference_in(record) then
    redis.call('HDEL', set, id)
    if key ~= '' then record = with_number(record, leave_lane(lanes, key, arguments.set_id, id)) end
    added = added + put(dead_letters, id, record)
    write('ZADD', dead_letter_index, now_ms, id)
    moved = moved + 1
  end
end
if added > 0 then add_to(ledger, arguments.dead_field, added) end
if moved > added then
  add_to(ledger, arguments.superseded_field, moved - added)
end
if lanes then count_dropped(lanes, ledger) end
if moved > 0 then
  local history = arguments.history
  record_history(history.options, history.entry, history.names, history.records, now_ms)
end
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
return moved

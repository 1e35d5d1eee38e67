#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, records, index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery from its set to the dead letters. The last one ends the set's job. A dead letter
-- with the same id, of an event that arrived again after the dedup window, is superseded. So may be
-- the delivery that the worker has read, as in retry.lua. A delivery with a key leaves its lane, whose
-- next one is sent, and its number becomes part of the dead letter. Idempotent.
-- Returns: 1; 0 if the delivery is not in the set, or superseded there; -1, unchanged, if another
--          worker has the lease.
if is_lost(lease, arguments.token) then return -1 end
local moved = redis.call('HGET', set, arguments.delivery_id)
if not moved or reference_in(moved) ~= reference_in(arguments.record) then return 0 end
local now_ms = clock_ms(arguments.set_ms)
redis.call('HDEL', set, arguments.delivery_id)
local record = arguments.record
if arguments.key ~= '' then
  local lanes = use_lanes(arguments.lanes, now_ms)
  record = with_number(record, leave_lane(lanes, arguments.key, arguments.set_id, arguments.delivery_id))
  count_dropped(lanes, ledger)
end
local is_new = put(records, arguments.delivery_id, record) == 1
write('ZADD', index, now_ms, arguments.delivery_id)
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
add_to(ledger, is_new and arguments.ledger_field or arguments.superseded_field, 1)
local history = arguments.history
record_history(history.options, history.entry, history.names, history.records, now_ms)
return 1

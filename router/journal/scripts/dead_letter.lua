#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, records, index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery from its set to the dead letters, or to quarantine if it cannot be decoded. The
-- last one ends the set's job. A record with the same id, of an event that arrived again after the
-- dedup window, is superseded. Idempotent.
-- Returns: 1; 0 if the delivery is not in the set; -1, unchanged, if another worker has the lease.
if is_lost(lease, arguments.token) then return -1 end
if redis.call('HEXISTS', set, arguments.delivery_id) == 0 then return 0 end
end_reference_of(write('HGET', records, arguments.delivery_id))
local is_new = write('HSET', records, arguments.delivery_id, arguments.record) == 1
write('ZADD', index, clock_ms(arguments.set_ms), arguments.delivery_id)
redis.call('HDEL', set, arguments.delivery_id)
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
add_to(ledger, is_new and arguments.ledger_field or arguments.superseded_field, 1)
return 1

#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, quarantine, quarantine_index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery set that is not a hash to quarantine, and ends its job. Idempotent.
-- Returns: 1; 0 if the set is a hash or gone.
local kind = redis.call('TYPE', set).ok
if kind == 'hash' or kind == 'none' then return 0 end
write('HSET', quarantine, arguments.id, arguments.record)
write('ZADD', quarantine_index, clock_ms(arguments.set_ms), arguments.id)
redis.call('DEL', set)
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
add_to(ledger, arguments.ledger_field, 1)
return 1

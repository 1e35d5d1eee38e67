#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, quarantine, quarantine_index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery from its set to quarantine as it is, because it cannot be decoded, or because
-- reading it ends processes. The last one ends the set's job. Idempotent. What was read may be
-- superseded, as in retry.lua: if the caller passes it, only that is moved. Its alert is stored until
-- the item is discarded: the item's first field is the reference.
-- Returns: 1; 0 if the delivery is not in the set, or superseded there; -1, unchanged, if another
--          worker has the lease.
if is_lost(lease, arguments.token) then return -1 end
local record = redis.call('HGET', set, arguments.delivery_id)
if not record or (arguments.only and arguments.only ~= record) then return 0 end
local reference = reference_in(record)
-- A map of four or five fields. It ends with its body: here the record, in msgpack's binary type.
local head = reference and '\133\169reference' .. cmsgpack.pack(reference) or '\132'
local item = head .. arguments.item .. '\198' .. struct.pack('>I4', #record) .. record
local is_new = put(quarantine, arguments.delivery_id, item) == 1
write('ZADD', quarantine_index, clock_ms(arguments.set_ms), arguments.delivery_id)
redis.call('HDEL', set, arguments.delivery_id)
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
add_to(ledger, is_new and arguments.ledger_field or arguments.superseded_field, 1)
return 1

#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, quarantine, quarantine_index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery from its set to quarantine as it is, because reading it ends processes. The last
-- one ends the set's job. Idempotent.
-- Returns: 1; 0 if the delivery is not in the set; -1, unchanged, if another worker has the lease.
if is_lost(lease, arguments.token) then return -1 end
local record = redis.call('HGET', set, arguments.delivery_id)
if not record then return 0 end
-- The item ends with its body: here the record, in msgpack's binary type.
local item = arguments.item .. '\198' .. struct.pack('>I4', #record) .. record
local is_new = write('HSET', quarantine, arguments.delivery_id, item) == 1
write('ZADD', quarantine_index, arguments.now_ms, arguments.delivery_id)
redis.call('HDEL', set, arguments.delivery_id)
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
add_to(ledger, is_new and arguments.ledger_field or arguments.superseded_field, 1)
return 1

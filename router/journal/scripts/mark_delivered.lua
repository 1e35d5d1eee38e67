#!lua flags=allow-oom
local open_sets, ledger, queue = unpack(KEYS)
local ledger_field, job_prefix, lease_prefix, starts_prefix, sets = unpack(ARGV)
-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. The last one ends the set's job. No lease is compared:
-- that a receiver has a delivery is a fact, and each one that is recorded is not sent again.
-- Returns: the number of deliveries settled.
local settled = 0
for _, delivered in ipairs(cmsgpack.unpack(sets)) do
  local id, set, deliveries, may_refer = unpack(delivered)
  local records = may_refer and redis.call('HMGET', set, unpack(deliveries)) or {}
  settled = settled + redis.call('HDEL', set, unpack(deliveries))
  for _, record in ipairs(records) do
    if record then end_reference(record) end
  end
  end_if_empty(set, id, open_sets, queue, job_prefix .. id, lease_prefix .. id, starts_prefix .. id)
end
if settled > 0 then add_to(ledger, ledger_field, settled) end
return settled

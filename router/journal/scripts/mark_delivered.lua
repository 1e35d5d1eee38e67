#!lua flags=allow-oom
local open_sets, ledger, queue = unpack(KEYS)
local ledger_field, job_prefix, lease_prefix, starts_prefix, sets = unpack(ARGV)
-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. The last one ends the set's job. No lease is compared:
-- that a receiver has a delivery is a fact, and each one that is recorded is not sent again.
-- Returns: the number of deliveries settled.
local settled = 0
for _, delivered in ipairs(cmsgpack.unpack(sets)) do
  local id, set, deliveries, references = unpack(delivered)
  if #references == 0 then
    settled = settled + redis.call('HDEL', set, unpack(deliveries))
  end
  for at, reference in ipairs(references) do
    if redis.call('HDEL', set, deliveries[at]) == 1 then
      settled = settled + 1
      end_reference(unpack(reference))
    end
  end
  end_if_empty(set, id, open_sets, queue, job_prefix .. id, lease_prefix .. id, starts_prefix .. id)
end
if settled > 0 then add_to(ledger, ledger_field, settled) end
return settled

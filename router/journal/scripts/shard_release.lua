-- Gives leases up, those that this consumer still holds. Idempotent.
-- KEYS: leases
-- ARGV: consumer
local released = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then released = released + redis.call('DEL', key) end
end
return released

-- Renews leases: 1 for each that this consumer still holds. Idempotent.
-- KEYS: leases
-- ARGV: consumer, lease ms
local kept = {}
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    redis.call('PEXPIRE', key, ARGV[2])
    kept[i] = 1
  else
    kept[i] = 0
  end
end
return kept

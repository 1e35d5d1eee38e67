-- Drops what is kept in a hash with an index, and counts it. Idempotent.
-- KEYS: records, index, ledger
-- ARGV: ledger field that shrinks or '', ledger field that grows, then members
-- Returns: how many were dropped
local dropped = 0
for i = 3, #ARGV do
  dropped = dropped + redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
end
if dropped == 0 then return 0 end
if ARGV[1] ~= '' then redis.call('HINCRBY', KEYS[3], ARGV[1], -dropped) end
redis.call('HINCRBY', KEYS[3], ARGV[2], dropped)
return dropped

-- Leases a shard, or finds the lease to be held by the same consumer already. Idempotent.
-- KEYS: lease, checkpoints
-- ARGV: consumer, lease ms, shard
-- Returns: 1 and the shard's position ('' for none yet), or 0 and ''
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {0, ''} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {1, redis.call('HGET', KEYS[2], ARGV[3]) or ''}

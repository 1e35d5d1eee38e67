-- Moves a shard's checkpoint, for the holder of its lease only: a consumer that lost it (it stood
-- still for too long, say) must not move back what its successor moved on. Idempotent.
-- KEYS: lease, checkpoints
-- ARGV: consumer, lease ms, shard, position
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1

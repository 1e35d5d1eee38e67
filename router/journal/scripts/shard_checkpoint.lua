#!lua flags=allow-oom
local lease, checkpoints = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves the checkpoint of a shard, for the consumer that has its lease. A consumer that has lost
-- the lease, because it was suspended for example, must not move it back. Idempotent.
-- Returns: 1; 0 if the consumer does not have the lease.
if redis.call('GET', lease) ~= arguments.consumer then return 0 end
redis.call('HSET', checkpoints, arguments.shard, arguments.position)
redis.call('PEXPIRE', lease, arguments.lease_ms)
return 1

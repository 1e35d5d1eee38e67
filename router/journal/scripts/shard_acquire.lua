#!lua flags=allow-oom
local lease, checkpoints = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Acquires the lease of a shard, or extends it if the consumer has it already. Idempotent.
-- Returns: 1 and the shard's position ('' if there is none); 0 and '' if another consumer has the
--          lease.
local owner = redis.call('GET', lease)
if owner and owner ~= arguments.consumer then
  -- Far longer than any lease: Redis's clock was set back since.
  if redis.call('PTTL', lease) > 10 * arguments.lease_ms then
    redis.call('PEXPIRE', lease, arguments.lease_ms)
  end
  return {0, ''}
end
redis.call('SET', lease, arguments.consumer, 'PX', arguments.lease_ms)
return {1, redis.call('HGET', checkpoints, arguments.shard) or ''}

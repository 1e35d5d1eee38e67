#!lua flags=allow-oom
local lease, checkpoints = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Acquires the lease of a shard, or extends it if the consumer has it already. Idempotent.
-- The first consumer of a stream decides where shards without a position are read from. A stream with
-- positions and no start was read from its oldest record, by an older version.
-- Returns: 1, the shard's position ('' if there is none) and the stream's start; 0, '' and '' if
--          another consumer has the lease.
local owner = redis.call('GET', lease)
if owner and owner ~= arguments.consumer then
  -- Far longer than any lease: Redis's clock was set back since.
  if redis.call('PTTL', lease) > 10 * arguments.lease_ms then
    redis.call('PEXPIRE', lease, arguments.lease_ms)
  end
  return {0, '', ''}
end
redis.call('SET', lease, arguments.consumer, 'PX', arguments.lease_ms)
local start = redis.call('HGET', checkpoints, 'start')
if not start then
  local positions = redis.call('HLEN', checkpoints) - redis.call('HEXISTS', checkpoints, 'created')
  start = positions == 0 and arguments.start or '0'
  redis.call('HSET', checkpoints, 'start', start)
end
return {1, redis.call('HGET', checkpoints, arguments.shard) or '', start}

#!lua flags=allow-oom
local streams, checkpoints = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Notes a stream. The checkpoints of the first stream of an ARN have the digest of the ARN alone, as
-- they had before streams were told apart by their creation time; a later one has its own.
-- Idempotent.
-- Returns: the digest of the stream.
redis.call('HSETNX', checkpoints, 'created', arguments.created)
local digest = arguments.own_digest
if redis.call('HGET', checkpoints, 'created') == arguments.created then
  digest = arguments.arn_digest
end
redis.call('HSET', streams, digest, arguments.record)
return digest

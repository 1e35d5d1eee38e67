#!lua flags=allow-oom
local checkpoints = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Deletes the checkpoints of shards and their leases: a consumer that reads one finds its lease lost,
-- and whichever acquires it begins again. Idempotent.
-- Returns: the number of checkpoints deleted.
redis.call('HDEL', checkpoints, 'start')
for _, lease in ipairs(arguments.leases) do
  redis.call('DEL', lease)
end
return redis.call('HDEL', checkpoints, unpack(arguments.shards))

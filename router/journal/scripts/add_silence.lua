local silences, silence_ends = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds a silence, deletes those that ended long ago, and notifies all workers. Not idempotent: a
-- repeat adds a second silence, which does no harm.
-- Returns: 1; 0 if there are too many.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', silence_ends, '-inf', arguments.ended_before_ms)) do
  redis.call('HDEL', silences, old)
  redis.call('ZREM', silence_ends, old)
end
local active = redis.call('ZCOUNT', silence_ends, arguments.now_ms + 1, '+inf')
if active >= arguments.limit then return 0 end
redis.call('HSET', silences, arguments.id, arguments.record)
redis.call('ZADD', silence_ends, arguments.end_ms, arguments.id)
redis.call('PUBLISH', arguments.channel, '')
return 1

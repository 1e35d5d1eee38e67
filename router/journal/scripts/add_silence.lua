local silences, silence_ends = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds a silence, or replaces the one with this id; deletes those that ended long ago, and notifies
-- all workers. Idempotent.
-- Returns: 1; 0 if there are too many.
for _, old in ipairs(redis.call('ZRANGEBYSCORE', silence_ends, '-inf', arguments.ended_before_ms)) do
  redis.call('HDEL', silences, old)
  redis.call('ZREM', silence_ends, old)
end
local active = redis.call('ZCOUNT', silence_ends, arguments.now_ms + 1, '+inf')
local replaced = redis.call('ZSCORE', silence_ends, arguments.id)
if active >= arguments.limit and not replaced then return 0 end
redis.call('HSET', silences, arguments.id, arguments.record)
redis.call('ZADD', silence_ends, arguments.end_ms, arguments.id)
redis.call('PUBLISH', arguments.channel, '')
return 1

local silences, silence_ends = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds a silence, or replaces the one with this id; deletes those that ended long ago or are
-- too many, and notifies all workers. Idempotent.
-- Returns: 1; 0 if there are too many.
-- A few at once, so that no call takes long.
local old = redis.call('ZRANGEBYSCORE', silence_ends, '-inf', arguments.ended_before_ms, 'LIMIT', 0, 100)
local surplus = redis.call('ZCARD', silence_ends) - arguments.kept
if surplus >= #old then
  old = redis.call('ZRANGEBYSCORE', silence_ends, '-inf', arguments.now_ms,
                   'LIMIT', 0, math.min(surplus + 1, 100))
end
for _, id in ipairs(old) do
  redis.call('HDEL', silences, id)
  redis.call('ZREM', silence_ends, id)
end
local active = redis.call('ZCOUNT', silence_ends, arguments.now_ms + 1, '+inf')
local replaced = redis.call('ZSCORE', silence_ends, arguments.id)
if active >= arguments.limit and not replaced then return 0 end
redis.call('HSET', silences, arguments.id, arguments.record)
redis.call('ZADD', silence_ends, arguments.end_ms, arguments.id)
redis.call('PUBLISH', arguments.channel, '')
return 1

-- Adds a silence, forgets those that ended long ago, and tells all workers. Not idempotent: a
-- repeat is a second silence, which does no harm.
-- KEYS: silences, their ends
-- ARGV: id, silence, end ms, forget before ms, now ms, limit, channel
-- Returns: 0 where there are too many
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])) do
  redis.call('HDEL', KEYS[1], old)
  redis.call('ZREM', KEYS[2], old)
end
if redis.call('ZCOUNT', KEYS[2], '(' .. ARGV[5], '+inf') >= tonumber(ARGV[6]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('PUBLISH', ARGV[7], '')
return 1

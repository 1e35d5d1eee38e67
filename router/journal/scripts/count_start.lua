-- Counts the beginning of a piece of work. An empty hash is gone by itself, one that nobody comes
-- back to after its time.
-- KEYS: strikes
-- ARGV: piece, seconds
local count = redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return count

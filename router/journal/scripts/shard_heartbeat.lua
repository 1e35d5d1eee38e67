-- Says that a consumer is alive, forgets those that were silent for too long, returns the others.
-- By Redis' own clock: the consumers' clocks may differ.
-- KEYS: consumers (sorted set: consumer -> ms at which it counts as dead)
-- ARGV: consumer, lease ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZRANGE', KEYS[1], 0, -1)

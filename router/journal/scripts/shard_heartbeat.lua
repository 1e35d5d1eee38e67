#!lua flags=allow-oom
local consumers = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Records that a consumer is alive, and deletes those whose lease has expired. The clock is that of
-- Redis, because the clocks of the consumers may differ.
-- Returns: the consumers that are alive.
local now_ms = redis_ms()
redis.call('ZADD', consumers, now_ms + arguments.lease_ms, arguments.consumer)
redis.call('ZREMRANGEBYSCORE', consumers, '-inf', now_ms)
-- Far beyond any lease: its time is from before Redis's clock was set back.
redis.call('ZREMRANGEBYSCORE', consumers, now_ms + 10 * arguments.lease_ms, '+inf')
return redis.call('ZRANGE', consumers, 0, -1)

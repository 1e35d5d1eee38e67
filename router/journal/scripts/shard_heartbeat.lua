#!lua flags=allow-oom
local consumers = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Records that a consumer is alive, and deletes those whose lease has expired. The clock is that of
-- Redis, because the clocks of the consumers may differ.
-- Returns: the consumers that are alive.
local seconds, microseconds = unpack(redis.call('TIME'))
local now_ms = seconds * 1000 + math.floor(microseconds / 1000)
redis.call('ZADD', consumers, now_ms + arguments.lease_ms, arguments.consumer)
redis.call('ZREMRANGEBYSCORE', consumers, '-inf', now_ms)
return redis.call('ZRANGE', consumers, 0, -1)

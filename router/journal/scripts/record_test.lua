local tests = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Records the test of a Twilio sink under the time at which it first arrived, and deletes the
-- oldest tests over the limit. Idempotent.
redis.call('ZADD', tests, 'NX', arguments.at_ms, arguments.test)
redis.call('ZREMRANGEBYRANK', tests, 0, -1 - arguments.limit)

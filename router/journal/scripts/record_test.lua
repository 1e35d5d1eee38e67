-- Remembers one test of a Twilio sink, under the time at which it came first.
-- KEYS: twilio tests
-- ARGV: msgpack of the test, Unix ms, how many are kept
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])

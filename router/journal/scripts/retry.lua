-- Puts a delivery back by itself, to be attempted again when it is due. Idempotent: only whoever
-- still finds it in its old set moves it. The last one ends the old set's job.
-- KEYS: old set, open sets, new set, job, queue, then what arq keeps of the old set's job
-- ARGV: old set id, delivery id, new set id, due ms, job, delivery, wake channel
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[6])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
redis.call('SET', KEYS[4], ARGV[5])
redis.call('ZADD', KEYS[5], ARGV[4], ARGV[3])
redis.call('HDEL', KEYS[1], ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('DEL', unpack(KEYS, 6))
  redis.call('ZREM', KEYS[5], ARGV[1])
end
redis.call('PUBLISH', ARGV[7], '')
return 1

-- Gives a delivery up: from its set to the dead letters, with every attempt's reason. The last one ends
-- the set's job. Idempotent.
-- KEYS: set, open sets, dead letters, dead letter index, ledger, queue, then what arq keeps of the job
-- ARGV: set id, delivery id, now ms, dead letter, ledger field
if redis.call('HEXISTS', KEYS[1], ARGV[2]) == 0 then return 0 end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[4], ARGV[3], ARGV[2])
redis.call('HDEL', KEYS[1], ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('DEL', unpack(KEYS, 7))
  redis.call('ZREM', KEYS[6], ARGV[1])
end
redis.call('HINCRBY', KEYS[5], ARGV[5], 1)
return 1

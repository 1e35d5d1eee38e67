-- Puts dead letters back into their destination's queue, under new ids, as one set. Guarded by
-- each dead letter's existence: of two who replay the same one wins, the other moves nothing.
-- The first write is the largest one: where Redis is out of memory it fails before anything else.
-- KEYS: dead letters, dead letter index, new set, open sets, job, queue, ledger
-- ARGV: set id, now ms, job, wake channel, ledger field of dead, of replayed,
--       then old id, new id, delivery for each
-- Returns: how many were moved
local moved = 0
for i = 7, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[3], ARGV[i + 1], ARGV[i + 2])
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    moved = moved + 1
  end
end
if moved == 0 then return 0 end
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
redis.call('SET', KEYS[5], ARGV[3])
redis.call('ZADD', KEYS[6], ARGV[2], ARGV[1])
redis.call('HINCRBY', KEYS[7], ARGV[5], -moved)
redis.call('HINCRBY', KEYS[7], ARGV[6], moved)
redis.call('PUBLISH', ARGV[4], '')
return moved

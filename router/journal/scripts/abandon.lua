-- Gives up what waits in one set of a destination that nobody delivers to any more: the set's
-- deliveries become dead letters. Guarded: the mark must still be the one that was watched (whoever
-- delivers there takes it away), and nobody may hold the set's lease. Idempotent.
-- KEYS: unserved, lease, set, open sets, dead letters, dead letter index, ledger, job, queue
-- ARGV: destination, mark, set id, now ms, ledger field, then id, dead letter for each delivery
-- Returns: deliveries given up, or -1 where somebody delivers there after all
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return -1 end
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local given_up = 0
for i = 6, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[3], ARGV[i]) == 1 then
    redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1])
    redis.call('ZADD', KEYS[6], ARGV[4], ARGV[i])
    redis.call('HDEL', KEYS[3], ARGV[i])
    given_up = given_up + 1
  end
end
if given_up > 0 then redis.call('HINCRBY', KEYS[7], ARGV[5], given_up) end
if redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('ZREM', KEYS[4], ARGV[3])
  redis.call('DEL', KEYS[8])
  redis.call('ZREM', KEYS[9], ARGV[3])
end
return given_up

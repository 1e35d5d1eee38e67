-- One commit of ingress becomes durable: the batch, its place among the open ones, its arq job,
-- and what was malformed. Not idempotent, so never retried: after a lost reply the sender is told
-- 503 and sends again, and the duplicates are dropped when the batch is evaluated.
--
-- The first write is the largest one: where Redis is out of memory it fails before anything else.
-- KEYS: batch, batches, job, queue, quarantine, quarantine index, ledger
-- ARGV: batch id, now ms, wake channel, payload, job, events, then id, record for each malformed
-- Returns: jobs in the queue, those that run included
local now = tonumber(ARGV[2])
local events = tonumber(ARGV[6])
if events > 0 then
  redis.call('SET', KEYS[1], ARGV[4])
  redis.call('ZADD', KEYS[2], now, ARGV[1])
  redis.call('SET', KEYS[3], ARGV[5])
  redis.call('ZADD', KEYS[4], now, ARGV[1])
  redis.call('HINCRBY', KEYS[7], 'accepted', events)
  redis.call('PUBLISH', ARGV[3], '')
end
for i = 7, #ARGV, 2 do
  redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[6], now, ARGV[i])
  redis.call('HINCRBY', KEYS[7], 'malformed', 1)
end
return redis.call('ZCARD', KEYS[4])

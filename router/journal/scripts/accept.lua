-- One commit of ingress becomes durable. A batch whose job nobody has begun takes further commits, up to
-- its limit, so that there are as many jobs as workers begin and not as many as there are commits; else
-- there is a new batch, with its place among the open ones and its arq job. And what was malformed.
-- Not idempotent, so never retried: after a lost reply the sender is told 503 and sends again, and the
-- duplicates are dropped when the batch is evaluated.
--
-- The first write is the largest one: where Redis is out of memory it fails before anything else.
-- KEYS: batch, batches, job, queue, quarantine, quarantine index, ledger, filling, identities
-- ARGV: batch id, now ms, wake channel, payload, job, events, weight, limit, prefix of batches,
--       prefix of identities, identities, seconds for which they are kept,
--       then id, record for each malformed
local now = tonumber(ARGV[2])
local events = tonumber(ARGV[6])
if events > 0 then
  local filling = redis.call('HMGET', KEYS[8], 'id', 'weight')
  local weight = (tonumber(filling[2]) or 0) + tonumber(ARGV[7])
  if filling[1] and weight <= tonumber(ARGV[8])
      and redis.call('RPUSHX', ARGV[9] .. filling[1], ARGV[4]) > 0 then
    redis.call('HSET', KEYS[8], 'weight', weight)
    redis.call('APPEND', ARGV[10] .. filling[1], ARGV[11])
  else
    redis.call('RPUSH', KEYS[1], ARGV[4])
    redis.call('SET', KEYS[9], ARGV[11], 'EX', ARGV[12])
    redis.call('HSET', KEYS[8], 'id', ARGV[1], 'weight', ARGV[7])
    redis.call('ZADD', KEYS[2], now, ARGV[1])
    redis.call('SET', KEYS[3], ARGV[5])
    redis.call('ZADD', KEYS[4], now, ARGV[1])
    redis.call('PUBLISH', ARGV[3], '')
  end
  redis.call('HINCRBY', KEYS[7], 'accepted', events)
end
for i = 13, #ARGV, 2 do
  redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[6], now, ARGV[i])
  redis.call('HINCRBY', KEYS[7], 'malformed', 1)
end

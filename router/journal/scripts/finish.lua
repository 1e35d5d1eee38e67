-- Finishes a batch and opens the deliveries that come of it, as one step. Guarded by the batch's
-- existence: of two workers that ran the same job one wins, the other changes nothing.
-- KEYS: batch, batches, quarantine, quarantine index, ledger,
--       then for each set: set, open sets, job, queue
-- ARGV: batch id, now ms, number of ledger pairs, number of quarantined, number of sets,
--       field, amount for each ledger pair; id, record for each quarantined;
--       set id, job, wake channel, ledger field, number of deliveries, (id, delivery)*
--       for each set
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = tonumber(ARGV[2])
local at = 6
local pairs_end = at + 2 * tonumber(ARGV[3])
local quarantined_end = pairs_end + 2 * tonumber(ARGV[4])
local argument = quarantined_end
local key = 6
for _ = 1, tonumber(ARGV[5]) do
  local set_id, job, channel, field = unpack(ARGV, argument, argument + 3)
  local count = tonumber(ARGV[argument + 4])
  argument = argument + 5
  redis.call('HSET', KEYS[key], unpack(ARGV, argument, argument + 2 * count - 1))
  argument = argument + 2 * count
  redis.call('ZADD', KEYS[key + 1], now, set_id)
  redis.call('SET', KEYS[key + 2], job)
  redis.call('ZADD', KEYS[key + 3], now, set_id)
  redis.call('HINCRBY', KEYS[5], field, count)
  redis.call('PUBLISH', channel, '')
  key = key + 4
end
for i = pairs_end, quarantined_end - 1, 2 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[4], now, ARGV[i])
end
for i = at, pairs_end - 1, 2 do
  redis.call('HINCRBY', KEYS[5], ARGV[i], ARGV[i + 1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return 1

-- Finishes a batch or a timer and its job, and opens the deliveries and sets the timers that come of it,
-- as one step. Guarded by the work's existence: of two workers that ran the same job one wins, the other
-- changes nothing.
-- KEYS: work, open work, answers, taken, quarantine, quarantine index, ledger, timers, timer queue,
--       the work's queue, what arq keeps of its job (three), identities,
--       then for each set: set, open sets, job, queue, filling; for each timer: timer, job
-- ARGV: work id, now ms, number of ledger pairs, of quarantined, of sets, of timers,
--       deliveries that a set may hold, prefix of sets,
--       field, amount for each ledger pair; id, record for each quarantined;
--       set id, job, wake channel, ledger field, number of deliveries, (id, delivery)*
--       for each set; timer id, due ms, record, job, wake channel for each timer
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local now = tonumber(ARGV[2])
local most = tonumber(ARGV[7])
local at = 9
local pairs_end = at + 2 * tonumber(ARGV[3])
local quarantined_end = pairs_end + 2 * tonumber(ARGV[4])
local argument = quarantined_end
local key = 15
for _ = 1, tonumber(ARGV[5]) do
  local set_id, job, channel, field = unpack(ARGV, argument, argument + 3)
  local count = tonumber(ARGV[argument + 4])
  argument = argument + 5
  -- A set whose job nobody has begun takes further deliveries, as a batch takes commits.
  local filling = redis.call('HMGET', KEYS[key + 4], 'id', 'count')
  local filled = (tonumber(filling[2]) or 0) + count
  local fits = filling[1] and filled <= most
               and redis.call('EXISTS', ARGV[8] .. filling[1]) == 1
  redis.call('HSET', fits and ARGV[8] .. filling[1] or KEYS[key],
             unpack(ARGV, argument, argument + 2 * count - 1))
  argument = argument + 2 * count
  redis.call('HINCRBY', KEYS[7], field, count)
  if fits then
    redis.call('HSET', KEYS[key + 4], 'count', filled)
  else
    redis.call('HSET', KEYS[key + 4], 'id', set_id, 'count', count)
    redis.call('ZADD', KEYS[key + 1], now, set_id)
    redis.call('SET', KEYS[key + 2], job)
    redis.call('ZADD', KEYS[key + 3], now, set_id)
    redis.call('PUBLISH', channel, '')
  end
  key = key + 5
end
for _ = 1, tonumber(ARGV[6]) do
  local timer_id, due, record, job, channel = unpack(ARGV, argument, argument + 4)
  argument = argument + 5
  redis.call('SET', KEYS[key], record)
  redis.call('ZADD', KEYS[8], due, timer_id)
  redis.call('SET', KEYS[key + 1], job)
  redis.call('ZADD', KEYS[9], due, timer_id)
  redis.call('PUBLISH', channel, '')
  key = key + 2
end
for i = pairs_end, quarantined_end - 1, 2 do
  redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[6], now, ARGV[i])
end
for i = at, pairs_end - 1, 2 do
  redis.call('HINCRBY', KEYS[7], ARGV[i], ARGV[i + 1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[10], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[3], KEYS[4], unpack(KEYS, 11, 14))
return 1

-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. An empty hash is gone by itself, and its job ends with it.
-- KEYS: open sets, ledger, queue, then each set
-- ARGV: ledger field, prefixes of what arq keeps of a job (three), then for each set: its id, how many
--       deliveries, their ids
local settled, at = 0, 5
for i = 4, #KEYS do
  local set_id, last = ARGV[at], at + 1 + tonumber(ARGV[at + 1])
  settled = settled + redis.call('HDEL', KEYS[i], unpack(ARGV, at + 2, last))
  at = last + 1
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('ZREM', KEYS[1], set_id)
    redis.call('DEL', ARGV[2] .. set_id, ARGV[3] .. set_id, ARGV[4] .. set_id)
    redis.call('ZREM', KEYS[3], set_id)
  end
end
if settled > 0 then redis.call('HINCRBY', KEYS[2], ARGV[1], settled) end
return settled

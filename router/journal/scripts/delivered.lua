-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. An empty hash is gone by itself, and its job ends with it.
-- KEYS: open sets, ledger, queue, then the set of each delivery
-- ARGV: ledger field, prefixes of what arq keeps of a job (three), then set id, delivery id for each delivery
local settled = 0
for i = 4, #KEYS do
  local set_id, delivery_id = ARGV[2 * i - 3], ARGV[2 * i - 2]
  settled = settled + redis.call('HDEL', KEYS[i], delivery_id)
  if redis.call('EXISTS', KEYS[i]) == 0 then
    redis.call('ZREM', KEYS[1], set_id)
    redis.call('DEL', ARGV[2] .. set_id, ARGV[3] .. set_id, ARGV[4] .. set_id)
    redis.call('ZREM', KEYS[3], set_id)
  end
end
if settled > 0 then redis.call('HINCRBY', KEYS[2], ARGV[1], settled) end
return settled

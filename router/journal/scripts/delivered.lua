-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. An empty hash is gone by itself.
-- KEYS: open sets, ledger, then the set of each delivery
-- ARGV: ledger field, then set id, delivery id for each delivery
local settled = 0
for i = 3, #KEYS do
  local set_id = ARGV[2 * (i - 3) + 2]
  settled = settled + redis.call('HDEL', KEYS[i], ARGV[2 * (i - 3) + 3])
  if redis.call('EXISTS', KEYS[i]) == 0 then redis.call('ZREM', KEYS[1], set_id) end
end
if settled > 0 then redis.call('HINCRBY', KEYS[2], ARGV[1], settled) end
return settled

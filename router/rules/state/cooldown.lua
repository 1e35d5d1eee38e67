-- A cooldown is a hash: until, when it ends; held, how many alerts it suppressed.

function steps.check_cooldown(draft, state, key, at, lasts)
  if not touch(draft, state, key, lasts) then return false end
  local cooling = place(state, key)
  local till, held = unpack(redis.call('HMGET', cooling, 'until', 'held'))
  if till and at < tonumber(till) then
    redis.call('HINCRBY', cooling, 'held', 1)
    touch(draft, state, key, lasts + DAY)
    extend(cooling, lasts + DAY)
    return stop(draft, 'held', 'cooldown')
  end
  if till and at < tonumber(till) + DAY then draft.held_back = tonumber(held or 0) end
  redis.call('DEL', cooling)
  redis.call('HSET', cooling, 'until', at + lasts)
  extend(cooling, lasts)
  return false
end

-- A cooldown is a hash: until, when it ends; held, how many alerts it suppressed.

-- Returns whether a look notifies whatever the cooldown, and ends the exemption of a retracted one.
local function is_exempt(record)
  local is_cooled = record.is_cooled
  record.is_cooled = nil
  return is_cooled or #told_firing(record) > 0
end

function steps.check_cooldown(draft, state, key, at, lasts, drops)
  local opened = draft.opened
  local is_look = opened and opened.is_look
  if is_look and is_exempt(opened.record) then return false end
  if not touch(draft, state, key, lasts) then return false end
  local cooling = place(state, key)
  local till, held = unpack(redis.call('HMGET', cooling, 'until', 'held'))
  if till and at < tonumber(till) then
    if not is_look then redis.call('HINCRBY', cooling, 'held', 1) end
    if opened then opened.ends, opened.drops = tonumber(till), drops end
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

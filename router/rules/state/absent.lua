-- An expectation is a hash: pending, the event that waits; arrived and arrived_at, of the other event.
-- The states of a rule, one for each wording in which events wait, are a sorted set: state -> until when.
-- By it an event is found that waits since before the rule was changed.

local function waiting_elsewhere(rule, state, key)
  local found = {}
  local states = redis.call('ZRANGEBYSCORE', place(rule, 'states'), now, '+inf')
  for _, other in ipairs(states) do
    local pending = other ~= state and redis.call('HGET', place(other, key), 'pending')
    if pending then found[#found + 1] = {other, pending} end
  end
  return found
end

local function add_state(rule, state, lasts)
  local states = place(rule, 'states')
  redis.call('ZADD', states, 'GT', now + lasts, state)
  redis.call('ZREMRANGEBYRANK', states, 0, -settings.wordings_limit - 1)
  extend(states, lasts)
end

function steps.expect(draft, state, key, event, lasts, rule)
  if not touch(draft, state, key, lasts + 30 * DAY) then return stop(draft, 'expected') end
  local at = place(state, key)
  local pending, arrived, arrived_at =
    unpack(redis.call('HMGET', at, 'pending', 'arrived', 'arrived_at'))
  if arrived and arrived ~= event and now - tonumber(arrived_at) < lasts then
    return stop(draft, 'ended')
  end
  if not pending and #waiting_elsewhere(rule, state, key) == 0 then
    redis.call('HSET', at, 'pending', event)
    add_state(rule, state, lasts + 30 * DAY)
    draft.first = 1
    draft.extra = {state, key}
  end
  extend(at, lasts + 30 * DAY)
  return stop(draft, 'expected')
end

function steps.fulfil(draft, state, key, event, lasts, rule)
  local others = waiting_elsewhere(rule, state, key)
  for _, other in ipairs(others) do
    redis.call('HDEL', place(other[1], key), 'pending')
    cancel_timer(other[1] .. other[2])
  end
  local ended = #others > 0 and 'ended' or 'nothing'
  if not touch(draft, state, key, lasts) then return stop(draft, ended) end
  local at = place(state, key)
  local pending = redis.call('HGET', at, 'pending')
  redis.call('HDEL', at, 'pending')
  redis.call('HSET', at, 'arrived', event, 'arrived_at', now)
  extend(at, lasts)
  if not pending then return stop(draft, ended) end
  cancel_timer(state .. pending)
  return stop(draft, 'ended')
end

function steps.check_absent(draft, state, key, event)
  if redis.call('HGET', place(state, key), 'pending') ~= event then return stop(draft, 'ended') end
  drop(state, key)
  return false
end

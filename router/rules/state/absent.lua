-- An expectation is a hash: pending, the event that waits; arrived and arrived_at, of the other event.

function steps.expect(draft, state, key, event, lasts)
  if not touch(draft, state, key, lasts + 30 * DAY) then return stop(draft, 'expected') end
  local at = place(state, key)
  local pending, arrived, arrived_at =
    unpack(redis.call('HMGET', at, 'pending', 'arrived', 'arrived_at'))
  if arrived and arrived ~= event and now - tonumber(arrived_at) < lasts then
    return stop(draft, 'ended')
  end
  if not pending then
    redis.call('HSET', at, 'pending', event)
    draft.first = 1
  end
  extend(at, lasts + 30 * DAY)
  return stop(draft, 'expected')
end

function steps.fulfil(draft, state, key, event, lasts)
  if not touch(draft, state, key, lasts) then return stop(draft, 'nothing') end
  local at = place(state, key)
  local pending = redis.call('HGET', at, 'pending')
  redis.call('HDEL', at, 'pending')
  redis.call('HSET', at, 'arrived', event, 'arrived_at', now)
  extend(at, lasts)
  if not pending then return stop(draft, 'nothing') end
  cancel_timer(state .. pending)
  return stop(draft, 'ended')
end

function steps.check_absent(draft, state, key, event)
  if redis.call('HGET', place(state, key), 'pending') ~= event then return stop(draft, 'ended') end
  drop(state, key)
  return false
end

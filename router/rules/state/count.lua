-- The events of a key are a sorted set: digest of the event -> when it happened.

function steps.count(draft, state, key, event, at, within, at_least)
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'counted') end
  local events = place(state, key)
  local newest = redis.call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]
  newest = math.max(tonumber(newest) or at, at)
  redis.call('ZREMRANGEBYSCORE', events, '-inf', newest - 2 * within)
  if at <= newest - 2 * within or redis.call('ZADD', events, 'NX', at, event) == 0 then
    return stop(draft, 'counted')
  end
  extend(events, 2 * within)
  if redis.call('ZCOUNT', events, at - within, at + within) < at_least then
    return stop(draft, 'counted')
  end
  local own = redis.call('ZRANK', events, event)
  local from = math.max(0, own - at_least + 1)
  local near = redis.call('ZRANGE', events, from, own + at_least - 1, 'WITHSCORES')
  for first = 1, own - from + 1 do
    local last = near[2 * (first + at_least - 1)]
    if not last then break end
    if tonumber(last) - tonumber(near[2 * first]) < within then
      redis.call('ZREMRANGEBYRANK', events, from + first - 1, from + first + at_least - 2)
      if redis.call('EXISTS', events) == 0 then redis.call('ZREM', index(state), key) end
      draft.count = at_least
      return false
    end
  end
  return stop(draft, 'counted')
end

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
  -- A window of at_least events begins at one of these ranks, if it contains this event. Usually there
  -- is one such rank, because the event is the newest.
  local own = redis.call('ZRANK', events, event)
  local from = math.max(0, own - at_least + 1)
  local to = math.min(own, redis.call('ZCARD', events) - at_least)
  for page = from, to, 100 do
    local page_end = math.min(page + 99, to)
    local firsts = redis.call('ZRANGE', events, page, page_end, 'WITHSCORES')
    local lasts = redis.call('ZRANGE', events, page + at_least - 1, page_end + at_least - 1, 'WITHSCORES')
    for i = 2, #firsts, 2 do
      if tonumber(lasts[i]) - tonumber(firsts[i]) < within then
        local first = page + i / 2 - 1
        redis.call('ZREMRANGEBYRANK', events, first, first + at_least - 1)
        if redis.call('EXISTS', events) == 0 then redis.call('ZREM', index(state), key) end
        draft.count = at_least
        return false
      end
    end
  end
  return stop(draft, 'counted')
end

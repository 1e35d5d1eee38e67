-- The earlier events of a key are a sorted set: digest of the event -> when it happened. The rule's own event
-- that waits for them is a hash of a state of its own: at, event and alert.

-- Takes those that an event follows, and returns whether they are enough; otherwise takes none.
local function take_firsts(state, key, event, at, within, at_least, tolerance)
  local firsts = place(state, key)
  local last = at + tolerance
  local from, to = word(at - within + 1), word(last)
  local count = redis.call('ZCOUNT', firsts, from, to)
  local own = tonumber(redis.call('ZSCORE', firsts, event) or '')
  if own and own > at - within and own <= last then count = count - 1 end
  if count < at_least then return false end
  redis.call('ZREMRANGEBYSCORE', firsts, from, to)
  return true
end

function steps.follow(draft, state, key, waiting, event, at, within, at_least, tolerance)
  if key == '' then return stop(draft, 'counted', 'no_value') end
  if take_firsts(state, key, event, at, within, at_least, tolerance) then return false end
  if touch(draft, waiting, key, 2 * within) then
    local wait = place(waiting, key)
    local known, whose = unpack(redis.call('HMGET', wait, 'at', 'event'))
    known = tonumber(known)
    if not known or at > known or at == known and event >= whose then
      redis.call('HSET', wait, 'at', word(at), 'event', event, 'alert', draft.alert)
    end
    extend(wait, 2 * within)
  end
  return stop(draft, 'expected')
end

function steps.precede(draft, state, key, waiting, event, at, within, at_least)
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'nothing') end
  local firsts, wait = place(state, key), place(waiting, key)
  local newest = math.max(tonumber(redis.call('ZREVRANGE', firsts, 0, 0, 'WITHSCORES')[2]) or at, at)
  redis.call('ZADD', firsts, at, event)
  redis.call('ZREMRANGEBYSCORE', firsts, '-inf', newest - 2 * within)
  redis.call('ZREMRANGEBYRANK', firsts, 0, -settings.firsts_limit - 1)
  extend(firsts, 2 * within)
  local when, whose, alert = unpack(redis.call('HMGET', wait, 'at', 'event', 'alert'))
  if not when or not take_firsts(state, key, whose, tonumber(when), within, at_least, 0) then
    return stop(draft, 'nothing', at <= newest - 2 * within and 'late' or nil)
  end
  drop(waiting, key)
  draft.first = 1
  draft.extra = {alert}
  return stop(draft, 'nothing')
end

function steps.raise_following(draft, state, key)
  return false
end

-- The values of a state are a sorted set: digest of the values -> when the last event with them happened.
-- When the first event happened is a string of its own.

-- Notes an event, and returns when the first one happened.
local function seen_since(state, at, lasts)
  local since = place(state, 'since')
  local kind = redis.call('TYPE', since).ok
  if kind ~= 'string' and kind ~= 'none' then redis.call('DEL', since) end
  local known = tonumber(redis.call('GET', since) or '')
  if not known or at < known then
    redis.call('SET', since, word(at), 'KEEPTTL')
    known = at
  end
  extend(since, lasts)
  return known
end

function steps.check_first_seen(draft, state, key, value, at, forget, learn)
  local lasts = 30 * DAY + forget + learn
  local first = seen_since(state, at, lasts)
  local seen = place(state, key)
  local last = tonumber(redis.call('ZSCORE', seen, value) or '')
  if not last and redis.call('ZCARD', seen) >= settings.keys_limit then
    local newest = math.max(tonumber(redis.call('ZREVRANGE', seen, 0, 0, 'WITHSCORES')[2]), at)
    local old = redis.call('ZRANGEBYSCORE', seen, '-inf', newest - forget, 'LIMIT', 0, 100)
    if #old > 0 then redis.call('ZREM', seen, unpack(old)) end
    if redis.call('ZCARD', seen) >= settings.keys_limit then
      draft.overflowed = 1
      return stop(draft, 'counted')
    end
  end
  redis.call('ZADD', seen, 'GT', at, value)
  extend(seen, lasts)
  if last and at - last < forget then return stop(draft, 'counted') end
  if learn > 0 and at - first < learn then return stop(draft, 'counted', 'learning') end
  return false
end

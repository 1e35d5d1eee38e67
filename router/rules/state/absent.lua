-- What waits for a key is a hash: pending and pending_at, the event that waits and its time; last, last_at and
-- last_alert, of the last one that came while another waited; answered, when the other event happened, and
-- answered_until, how long that is known.
-- The states of a rule, one for each wording in which events wait, are a sorted set: state -> until when.
-- By it an event is found that waits since before the rule was changed.

local function waiting_elsewhere(rule, state, key)
  local found = {}
  local states = redis.call('ZRANGEBYSCORE', place(rule, 'states'), now, '+inf')
  for _, other in ipairs(states) do
    if other ~= state and redis.call('HEXISTS', place(other, key), 'pending') == 1 then
      found[#found + 1] = other
    end
  end
  return found
end

local function add_state(rule, state, lasts)
  local states = place(rule, 'states')
  redis.call('ZADD', states, 'GT', now + lasts, state)
  redis.call('ZREMRANGEBYRANK', states, 0, -settings.wordings_limit - 1)
  extend(states, lasts)
end

local function clear(at) redis.call('HDEL', at, 'pending', 'pending_at', 'last', 'last_at', 'last_alert') end

local function await(at, event, when)
  clear(at)
  redis.call('HSET', at, 'pending', event, 'pending_at', word(when))
end

-- Lets nothing wait. What is stored ends with the answer, if there is one.
local function settle(state, key)
  local at = place(state, key)
  clear(at)
  local lasts = (tonumber(redis.call('HGET', at, 'answered_until') or '') or 0) - now
  if lasts <= 0 then return drop(state, key) end
  redis.call('ZADD', index(state), 'XX', now + lasts, key)
  redis.call('PEXPIRE', at, lasts)
end

function steps.expect(draft, state, key, event, when, lasts, tolerance, rule)
  local at = place(state, key)
  local pending, answered, known_until =
    unpack(redis.call('HMGET', at, 'pending', 'answered', 'answered_until'))
  if (tonumber(known_until or '') or 0) > now and tonumber(answered) > when + tolerance then
    return stop(draft, 'ended')
  end
  local waits = pending and state or waiting_elsewhere(rule, state, key)[1]
  if not touch(draft, waits or state, key, lasts + 30 * DAY) then return stop(draft, 'expected') end
  if waits then
    at = place(waits, key)
    local last_at, pending_at = unpack(redis.call('HMGET', at, 'last_at', 'pending_at'))
    if when > tonumber(last_at or pending_at or '0') then
      redis.call('HSET', at, 'last', event, 'last_at', word(when), 'last_alert', draft.alert)
    end
  else
    await(at, event, when)
    add_state(rule, state, lasts + 30 * DAY)
    draft.first = 1
    draft.extra = {state, key}
  end
  extend(at, lasts + 30 * DAY)
  return stop(draft, 'expected')
end

function steps.fulfil(draft, state, key, event, when, lasts, tolerance, rule)
  local at = place(state, key)
  local waiting = waiting_elsewhere(rule, state, key)
  if redis.call('HEXISTS', at, 'pending') == 1 then table.insert(waiting, 1, state) end
  local outcome, reason = 'nothing', nil
  for _, each in ipairs(waiting) do
    local there = place(each, key)
    local pending, pending_at, last, last_at, last_alert =
      unpack(redis.call('HMGET', there, 'pending', 'pending_at', 'last', 'last_at', 'last_alert'))
    local waits_on = last and when < tonumber(last_at) - tolerance
    if when < tonumber(pending_at or '0') - tolerance then
      reason = 'late'
    elseif not (waits_on and draft.first == 1) then
      outcome = 'ended'
      cancel_timer(each .. pending)
      if waits_on then
        await(there, last, tonumber(last_at))
        draft.first = 1
        draft.extra = {each, key, last, last_alert}
      else
        settle(each, key)
      end
    end
  end
  if outcome == 'ended' then reason = nil end
  if not touch(draft, state, key, lasts) then return stop(draft, outcome, reason) end
  local answered, known_until = unpack(redis.call('HMGET', at, 'answered', 'answered_until'))
  if (tonumber(known_until or '') or 0) > now then when = math.max(when, tonumber(answered)) end
  redis.call('HSET', at, 'answered', word(when), 'answered_until', word(now + lasts))
  extend(at, lasts)
  if redis.call('HEXISTS', at, 'pending') == 0 then settle(state, key) end
  return stop(draft, outcome, reason)
end

-- The rows of a table that a rule expects are a sorted set: key -> when the last set of rows that had it was
-- loaded. The digest of the last set that was loaded whole is a string beside it.
local function keep_rows(state)
  extend(place(state, 'rows'), 90 * DAY)
  extend(place(state, 'row-set'), 90 * DAY)
end

function steps.expect_row(draft, state, key, event, when, lasts, tolerance, rule)
  local rows = place(state, 'rows')
  local is_known = redis.call('ZSCORE', rows, key)
  redis.call('ZADD', rows, 'GT', when, key)
  keep_rows(state)
  if is_known then return stop(draft, 'nothing') end
  return steps.expect(draft, state, key, event, when, lasts, tolerance, rule)
end

function steps.drop_rows(draft, state, key, digest, when)
  local rows = place(state, key)
  local before = '(' .. word(when)
  local old = redis.call('ZRANGEBYSCORE', rows, '-inf', before, 'LIMIT', 0, 100)
  for _, each in ipairs(old) do
    local pending = redis.call('HGET', place(state, each), 'pending')
    if pending then cancel_timer(state .. pending) end
    settle(state, each)
    redis.call('ZREM', rows, each)
  end
  if #old == 100 then
    draft.first = 1
  else
    redis.call('SET', place(state, 'row-set'), digest)
    keep_rows(state)
  end
  return stop(draft, 'ended')
end

function steps.check_absent(draft, state, key, event)
  if redis.call('HGET', place(state, key), 'pending') ~= event then return stop(draft, 'ended') end
  settle(state, key)
  return false
end

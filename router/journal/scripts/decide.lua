-- Decides the chains of a batch or a timer, each once: what was decided before, by a run that
-- crashed or by another worker, is answered again and changes nothing. Guarded by the existence of
-- the work: once it is finished, its answers are gone and nothing may be decided any more.
--
-- rules/state/steps.py says what each step means; rules/state/memory_store.py has the same steps in Python, and a test
-- compares the two. Keys are made of prefixes, a state and a digest.
-- KEYS: work, answers
-- ARGV: now ms, settings (msgpack map), then for each chain: id, steps (msgpack), alert
-- Returns: false where the work is finished; else for each chain {outcome, reason, count,
--          held back, first, escalates, withdrawn, told to, overflowed, alert}
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local now = tonumber(ARGV[1])
local settings = cmsgpack.unpack(ARGV[2])
local DAY = 86400000

local function place(state, key) return settings.state .. state .. ':' .. key end
local function index(state) return settings.keys .. state end

-- Makes room for a key until then; false where its state has too many.
local function touch(draft, state, key, lasts)
  local keys = index(state)
  if not redis.call('ZSCORE', keys, key) and redis.call('ZCARD', keys) >= settings.keys_limit then
    redis.call('ZREMRANGEBYSCORE', keys, '-inf', now)
    if redis.call('ZCARD', keys) >= settings.keys_limit then
      draft.overflowed = 1
      return false
    end
  end
  redis.call('ZADD', keys, 'GT', now + lasts, key)
  if redis.call('PTTL', keys) < lasts then redis.call('PEXPIRE', keys, lasts) end
  return true
end

-- Keeps what stands at a place for so long at least.
local function keep(at, lasts)
  if redis.call('PTTL', at) < lasts then redis.call('PEXPIRE', at, lasts) end
end

local function drop(state, key)
  redis.call('DEL', place(state, key))
  redis.call('ZREM', index(state), key)
end

-- Remembers who is told of an open alert. Names of destinations have no spaces.
local function told(opened, send_to)
  for _, name in ipairs(send_to) do redis.call('HSET', opened, 'to:' .. name, 1) end
end

local function stop(draft, outcome, reason)
  draft.outcome = outcome
  draft.reason = reason or ''
  return true
end

-- Each step: true where it stops the chain. draft.opened is the place of its Open.
local steps = {}

-- state, key, event, at, within, at least
function steps.count(draft, state, key, event, at, within, at_least)
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'counted') end
  local events = place(state, key)
  local newest = redis.call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]
  newest = math.max(tonumber(newest) or at, at)
  redis.call('ZREMRANGEBYSCORE', events, '-inf', newest - 2 * within)
  if at <= newest - 2 * within or redis.call('ZADD', events, 'NX', at, event) == 0 then
    return stop(draft, 'counted')
  end
  keep(events, 2 * within)
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

-- state, key, event, for
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
  keep(at, lasts + 30 * DAY)
  return stop(draft, 'expected')
end

-- state, key, event, for. The timer of what was expected is not needed any more.
function steps.arrive(draft, state, key, event, lasts)
  if not touch(draft, state, key, lasts) then return stop(draft, 'nothing') end
  local at = place(state, key)
  local pending = redis.call('HGET', at, 'pending')
  redis.call('HDEL', at, 'pending')
  redis.call('HSET', at, 'arrived', event, 'arrived_at', now)
  keep(at, lasts)
  if not pending then return stop(draft, 'nothing') end
  local timer = state .. pending
  redis.call('DEL', settings.timer .. timer, settings.job .. timer)
  redis.call('ZREM', settings.timers, timer)
  redis.call('ZREM', settings.timer_queue, timer)
  return stop(draft, 'ended')
end

-- state, key, event
function steps.overdue(draft, state, key, event)
  if redis.call('HGET', place(state, key), 'pending') ~= event then return stop(draft, 'ended') end
  drop(state, key)
  return false
end

-- What ended alerts of a state: key -> the latest time, and key -> when that is forgotten.
local function endings(state) return place(state, 'over'), index(state .. ':over') end

-- Remembers that something ended. Of those that are over a few are dropped each time, so that none of
-- many calls takes long; where there are too many, the one that is forgotten soonest.
local function remember(state, key, at, lasts)
  local times, ends = endings(state)
  local old = redis.call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 10)
  if not redis.call('ZSCORE', ends, key) and redis.call('ZCARD', ends) - #old >= settings.keys_limit then
    old = redis.call('ZRANGE', ends, 0, #old)
  end
  if #old > 0 then
    redis.call('ZREM', ends, unpack(old))
    redis.call('HDEL', times, unpack(old))
  end
  local till = tonumber(redis.call('ZSCORE', ends, key) or 0)
  local known = till > now and tonumber(redis.call('HGET', times, key)) or at
  redis.call('HSET', times, key, math.max(at, known))
  redis.call('ZADD', ends, 'GT', now + lasts, key)
  keep(times, lasts)
  keep(ends, lasts)
end

-- state, key, at
function steps.over(draft, state, key, at)
  local times, ends = endings(state)
  local till = tonumber(redis.call('ZSCORE', ends, key) or 0)
  local ended = till > now and tonumber(redis.call('HGET', times, key))
  if ended and at < ended then return stop(draft, 'held', 'resolved') end
  return false
end

-- state, key, at, within
function steps.open(draft, state, key, at, within)
  if not touch(draft, state, key, within) then return false end
  draft.opened = place(state, key)
  local known = tonumber(redis.call('HGET', draft.opened, 'at') or 0)
  redis.call('HSET', draft.opened, 'at', math.max(at, known))
  keep(draft.opened, within)
  return false
end

-- state, key, for, opened. The mark is the place of the Open that it depends on, or '-'.
function steps.mark(draft, state, key, lasts, opened)
  if not touch(draft, state, key, lasts) then return false end
  local marks = place(state, key)
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', now)
  redis.call('ZADD', marks, 'GT', now + lasts, opened and draft.opened or '-')
  redis.call('ZREMRANGEBYRANK', marks, 0, -settings.marks_limit - 1)
  keep(marks, lasts)
  return false
end

-- places
function steps.inhibited(draft, places)
  for _, each in ipairs(places) do
    local marks = redis.call('ZRANGEBYSCORE', place(each[1], each[2]), '(' .. string.format('%.0f', now), '+inf')
    for _, opened in ipairs(marks) do
      if opened == '-' or redis.call('EXISTS', opened) == 1 then
        return stop(draft, 'held', 'inhibited')
      end
    end
  end
  return false
end

-- reason
function steps.hold(draft, reason) return stop(draft, 'held', reason) end

-- state, key, at, for
function steps.cooldown(draft, state, key, at, lasts)
  if not touch(draft, state, key, lasts) then return false end
  local cooling = place(state, key)
  local till, held = unpack(redis.call('HMGET', cooling, 'until', 'held'))
  if till and at < tonumber(till) then
    redis.call('HINCRBY', cooling, 'held', 1)
    touch(draft, state, key, lasts + DAY)
    keep(cooling, lasts + DAY)
    return stop(draft, 'held', 'cooldown')
  end
  if till and at < tonumber(till) + DAY then draft.held_back = tonumber(held or 0) end
  redis.call('DEL', cooling)
  redis.call('HSET', cooling, 'until', at + lasts)
  keep(cooling, lasts)
  return false
end

-- state, key, opened, send to. A group has no TTL: it holds alerts, and its timer ends it.
function steps.join(draft, state, key, opened, send_to)
  if not touch(draft, state, key, 30 * DAY) then return false end
  local group = place(state, key)
  draft.first = 1 - redis.call('EXISTS', group)
  redis.call('HINCRBY', group, 'count', 1)
  local number = redis.call('HINCRBY', group, 'joined', 1)
  if number <= settings.members_limit then
    redis.call('HSET', group, 'alert:' .. number, draft.alert, 'held:' .. number, draft.held_back)
  end
  opened = opened and draft.opened
  if opened then
    redis.call('HSET', opened, 'alert', draft.alert)
    if number <= settings.open_members_limit then
      redis.call('HSET', group, 'open:' .. number, opened)
      redis.call('HSET', opened, 'waits:' .. group .. ' ' .. number, table.concat(send_to, ' '))
    else
      redis.call('HSET', opened, 'told', 1)
      told(opened, send_to)
    end
  end
  return stop(draft, 'grouped')
end

-- state, key, send to
function steps.tell(draft, _, _, send_to)
  if draft.opened then
    redis.call('HSET', draft.opened, 'alert', draft.alert, 'told', 1)
    told(draft.opened, send_to)
  end
  return false
end

-- opened. Of the group that this timer took: flush_group.lua has written who told, and that is taken back.
function steps.unheard(draft, opened)
  local taken = settings.taken .. string.sub(KEYS[1], #settings.timer + 1)
  local places = {}
  for _, each in ipairs(opened or {}) do places[#places + 1] = place(each[1], each[2]) end
  if not opened then
    local fields = redis.call('HGETALL', taken)
    for i = 1, #fields, 2 do
      if string.sub(fields[i], 1, 5) == 'open:' then places[#places + 1] = fields[i + 1] end
    end
  end
  for _, at in ipairs(places) do
    local fields = redis.call('HGETALL', at)
    for i = 1, #fields, 2 do
      if fields[i + 1] == taken then redis.call('HDEL', at, fields[i]) end
    end
  end
  return stop(draft, 'nothing')
end

local function acknowledged(alert_key, since)
  local at = redis.call('HGET', settings.acknowledgement .. alert_key, 'at')
  return at and tonumber(at) >= tonumber(since)
end

-- state, key, alert key, run, for
function steps.escalate(draft, state, key, alert_key, run, lasts)
  local at = place(state, key)
  local since, over = unpack(redis.call('HMGET', at, 'since', 'over'))
  if since and not over and not acknowledged(alert_key, since) then return false end
  if not touch(draft, state, key, lasts) then return false end
  redis.call('HDEL', at, 'over')
  redis.call('HSET', at, 'run', run, 'since', now)
  keep(at, lasts)
  draft.escalates = 1
  return false
end

-- state, key, alert key, run, last, opened, send to
function steps.escalating(draft, state, key, alert_key, run, last, opened, send_to)
  local at = place(state, key)
  local running, since, over = unpack(redis.call('HMGET', at, 'run', 'since', 'over'))
  if running ~= run or over then return stop(draft, 'nothing') end
  local known_of = acknowledged(alert_key, since)
  if last or known_of then redis.call('HSET', at, 'over', 1) end
  if known_of then return stop(draft, 'nothing') end
  opened = opened and place(opened[1], opened[2])
  if opened and redis.call('EXISTS', opened) == 1 then told(opened, send_to) end
  return false
end

-- state, key, at, escalation, lasts
function steps.resolve(draft, state, key, at, escalation, lasts)
  remember(state, key, at, lasts)
  local opened = place(state, key)
  local fields = redis.call('HGETALL', opened)
  local kept = {}
  for i = 1, #fields, 2 do kept[fields[i]] = fields[i + 1] end
  if not kept.at or at < tonumber(kept.at) then return stop(draft, 'nothing') end
  drop(state, key)
  if escalation then drop(escalation[1], escalation[2]) end
  local names = {}
  for field in pairs(kept) do
    if string.sub(field, 1, 3) == 'to:' then names[#names + 1] = string.sub(field, 4) end
    local group, number = string.match(field, '^waits:(.*) (%d+)$')
    if group then
      redis.call('HDEL', group, 'alert:' .. number, 'held:' .. number, 'open:' .. number)
      redis.call('HINCRBY', group, 'count', -1)
      draft.withdrawn = draft.withdrawn + 1
    end
  end
  if not kept.told then return stop(draft, 'ended') end
  table.sort(names)
  draft.told_to = table.concat(names, ' ')
  draft.alert = kept.alert
  return stop(draft, 'resolved')
end

local function decide(program, alert)
  local draft = {
    outcome = 'told', reason = '', count = 1, held_back = 0, first = 0, escalates = 0,
    withdrawn = 0, told_to = '', overflowed = 0, alert = alert,
  }
  for _, step in ipairs(cmsgpack.unpack(program)) do
    if steps[step[1]](draft, unpack(step, 2, 9)) then break end
  end
  return {
    draft.outcome, draft.reason, draft.count, draft.held_back, draft.first, draft.escalates,
    draft.withdrawn, draft.told_to, draft.overflowed, draft.outcome == 'resolved' and draft.alert or '',
  }
end

local answers = {}
for i = 3, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[2], ARGV[i])
  local answer = known and cmsgpack.unpack(known)
  if not answer then
    answer = decide(ARGV[i + 1], ARGV[i + 2])
    redis.call('HSET', KEYS[2], ARGV[i], cmsgpack.pack(answer))
  end
  answers[#answers + 1] = answer
end
return answers

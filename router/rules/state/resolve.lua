-- An open alert is a hash: at, when its last event happened; alert, as it was sent or waits; told, 1 or
-- the group's timer that notified first; to:<destination>, the same for each destination; and
-- waits:<group> <number>, the destinations of each group in which it waits.

-- The endings of a state: a hash, key -> the latest ending; and a sorted set, key -> when it is forgotten.
local function endings(state) return place(state, 'over'), index(state .. ':over') end

-- Stores an ending. Each call drops only a few forgotten ones, so that no call takes long; if there are
-- too many, it drops the one that is forgotten first.
local function store_ending(state, key, at, lasts)
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
  extend(times, lasts)
  extend(ends, lasts)
end

function steps.check_resolved(draft, state, key, at)
  local times, ends = endings(state)
  local till = tonumber(redis.call('ZSCORE', ends, key) or 0)
  local ended = till > now and tonumber(redis.call('HGET', times, key))
  if ended and at < ended then return stop(draft, 'held', 'resolved') end
  return false
end

function steps.open_alert(draft, state, key, at, within)
  if not touch(draft, state, key, within) then return false end
  draft.opened = place(state, key)
  local known = tonumber(redis.call('HGET', draft.opened, 'at') or 0)
  redis.call('HSET', draft.opened, 'at', math.max(at, known))
  extend(draft.opened, within)
  return false
end

function steps.record_notified(draft, _, _, send_to)
  if draft.opened then
    redis.call('HSET', draft.opened, 'alert', draft.alert, 'told', 1)
    add_recipients(draft.opened, send_to)
  end
  return false
end

-- Ends an open alert, a map of its fields. Always true.
local function end_open(draft, state, key, bound, open)
  drop(state, key)
  for _, each in ipairs(bound) do drop(each[1], each[2]) end
  local names = {}
  for field in pairs(open) do
    if string.sub(field, 1, 3) == 'to:' then names[#names + 1] = string.sub(field, 4) end
    local group, number = string.match(field, '^waits:(.*) (%d+)$')
    if group then
      redis.call('HDEL', group, 'alert:' .. number, 'held:' .. number, 'open:' .. number)
      redis.call('HINCRBY', group, 'count', -1)
      draft.withdrawn = draft.withdrawn + 1
    end
  end
  if not open.told then return stop(draft, 'ended') end
  table.sort(names)
  draft.notified = table.concat(names, ' ')
  draft.resolved = open.alert or ''
  return stop(draft, 'resolved')
end

local function read_open(state, key)
  local fields = redis.call('HGETALL', place(state, key))
  local open = {}
  for i = 1, #fields, 2 do open[fields[i]] = fields[i + 1] end
  return open
end

function steps.end_alert(draft, state, key, bound)
  if not draft.is_back then return false end
  local open = read_open(state, key)
  if not open.at then return stop(draft, 'counted') end
  return end_open(draft, state, key, bound, open)
end

function steps.resolve(draft, state, key, at, bound, lasts)
  store_ending(state, key, at, lasts)
  local open = read_open(state, key)
  if not open.at or at < tonumber(open.at) then return stop(draft, 'nothing') end
  return end_open(draft, state, key, bound, open)
end

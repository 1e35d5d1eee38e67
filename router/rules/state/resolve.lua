-- The endings of a rule: a hash, key -> the latest one and a digest of its sender; and a sorted set, key -> when it is forgotten.
local function endings(state) return place(state, 'over'), index(state .. ':over') end

-- Returns the time and the sender of an ending; a version before has no sender.
local function ending_of(text)
  local at, source = string.match(text or '', '^(-?%d+) ?(.*)$')
  return tonumber(at), source
end

-- Stores an ending. Each call drops only a few forgotten ones, so that no call takes long; if there are
-- too many, it drops the one that is forgotten first.
local function store_ending(state, key, at, source, lasts)
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
  local known, sender = at, source
  if till > now then
    local known_at, known_source = ending_of(redis.call('HGET', times, key))
    if known_at and known_at > at then known, sender = known_at, known_source end
  end
  redis.call('HSET', times, key, string.format('%.0f', known) .. ' ' .. sender)
  redis.call('ZADD', ends, 'GT', now + lasts, key)
  extend(times, lasts)
  extend(ends, lasts)
end

function steps.check_resolved(draft, state, key, at, source, tolerance)
  local times, ends = endings(state)
  local till = tonumber(redis.call('ZSCORE', ends, key) or 0)
  if till <= now then return false end
  local ended, sender = ending_of(redis.call('HGET', times, key))
  if ended and at < ended - (sender ~= source and tolerance or 0) then
    return stop(draft, 'held', 'resolved')
  end
  return false
end

-- Ends an alert that a version before keyed alerts has opened: a hash with at, alert, told (1 or a group's
-- timer), to:<destination> and waits:<group> <number>. Always true.
local function end_older(draft, older, at, bound)
  local fields = redis.call('HGETALL', place(older[1], older[2]))
  local open = {}
  for i = 1, #fields, 2 do open[fields[i]] = fields[i + 1] end
  if not open.at or at < tonumber(open.at) then return stop(draft, 'nothing') end
  drop(older[1], older[2])
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

-- Ends an open alert, or begins to: then a look ends it. Always true.
local function end_or_wait(draft, key, record, bound, wait)
  if wait == 0 or record.status == PENDING then return end_alert(draft, key, record, bound) end
  if number_of(record.resolving_at) == 0 then
    record.resolving_at = now + wait
    note(record, 'resolving')
  end
  draft.opened = {key = key, record = record}
  return stop(draft, 'ended')
end

function steps.end_alert(draft, key, bound, wait)
  if not draft.is_back then return false end
  local record = find_alert(key)
  if not record or not is_open(record) then return stop(draft, 'counted') end
  return end_or_wait(draft, key, record, bound, wait)
end

function steps.resolve(draft, state, key, at, source, tolerance, alert_key, bound, lasts, wait, older)
  store_ending(state, key, at, source, lasts)
  local record = find_alert(alert_key)
  if not record or not is_open(record) then return end_older(draft, older, at, bound) end
  if at < number_of(record.at) - tolerance then return stop(draft, 'counted', 'late') end
  return end_or_wait(draft, alert_key, record, bound, wait)
end

-- A group is a hash: count, the alerts that wait; joined, the number of the last one; and for each
-- stored alert alert:<number>, held:<number> (suppressed before it) and open:<number> (the key of the keyed
-- alert; once it is taken, also since:<number> and because:<number>). It has no TTL because it contains
-- alerts; its timer ends it. A group that was taken is the same hash under a key of its own, which is
-- deleted with the timer.

-- Notes that an alert waits in a group.
local function wait_in(record, group, number, names, remind)
  record.waiting = record.waiting or {}
  local waiting = record.waiting[group] or {{}, {}}
  record.waiting[group] = waiting
  local has = {}
  for _, name in ipairs(waiting[1]) do has[name] = true end
  for _, name in ipairs(names) do
    if not has[name] then waiting[1][#waiting[1] + 1] = name end
  end
  waiting[2][#waiting[2] + 1] = number
  waiting[3] = remind > 0 and remind or nil
end

function steps.join_group(draft, state, key, send_to, remind)
  local opened = draft.opened
  if opened and opened.is_reminder then return false end
  if not touch(draft, state, key, 30 * DAY) then return false end
  local group = place(state, key)
  draft.first = 1 - redis.call('EXISTS', group)
  -- A rerun by other rules must set the timer of this group, and not of its own.
  if draft.first == 1 then draft.extra = {state, key} end
  redis.call('HINCRBY', group, 'count', 1)
  local number = redis.call('HINCRBY', group, 'joined', 1)
  if number <= settings.members_limit then
    redis.call('HSET', group, 'alert:' .. number, draft.alert, 'held:' .. number, draft.held_back)
  end
  if opened then
    local record, names = opened.record, opened.is_look and opened.names or send_to
    if number <= settings.open_members_limit then
      redis.call('HSET', group, 'open:' .. number, opened.key, 'held:' .. number, draft.held_back)
      wait_in(record, state .. ':' .. key, number, names, remind)
    else
      tell(record, names)
    end
    record.why, record.ends = nil, nil
    -- A late notification is itself one of those that were held back.
    if opened.is_look then record.held = math.max(0, number_of(record.held) - 1) end
  end
  return stop(draft, 'grouped')
end

-- The key of what the timer takes.
local function taken_key() return settings.taken .. string.sub(work, #settings.timer + 1) end

-- Notes that an alert of a version before keyed alerts is notified of by this timer.
local function take_older(opened, waits, taken)
  local send_to = redis.call('HGET', opened, waits)
  if not send_to then return end
  redis.call('HDEL', opened, waits)
  redis.call('HSETNX', opened, 'told', taken)
  for name in string.gmatch(send_to, '%S+') do redis.call('HSETNX', opened, 'to:' .. name, taken) end
end

-- Notes that a keyed alert is notified of by this timer, unless a chain notified before: retract_notified
-- depends on it. What was held back is taken too.
local function take_member(opened, group, taken, number)
  local record = find_alert(opened)
  local waiting = record and record.waiting and record.waiting[group]
  if not waiting then return end
  record.waiting[group] = nil
  tell(record, waiting[1], work)
  local remind = number_of(waiting[3])
  record.remind_at = remind > 0 and now + remind or nil
  local held, because = take_held(record)
  redis.call('HINCRBY', taken, 'held:' .. number, held)
  if because ~= '' then
    redis.call('HSET', taken, 'since:' .. number, string.format('%.0f', number_of(record.since)),
               'because:' .. number, because)
  end
  save_alert(opened, record)
  look_again(opened, next_look(record))
end

-- Moves a group to the timer's own key; its alerts are sent now. If all stored alerts are resolved,
-- stores those that were only counted instead, as far as they are stored where they are open.
local function take(group, taken, name)
  redis.call('RENAME', group, taken)
  redis.call('HSET', group, 'count', 0, 'joined', 0)
  local fields = redis.call('HGETALL', taken)
  local has_alerts, open, numbers = false, {}, {}
  for i = 1, #fields, 2 do
    has_alerts = has_alerts or string.sub(fields[i], 1, 6) == 'alert:'
    local number = string.match(fields[i], '^open:(%d+)$')
    if number then
      open[number] = fields[i + 1]
      numbers[#numbers + 1] = tonumber(number)
    end
  end
  table.sort(numbers)
  for _, each in ipairs(numbers) do
    local number = string.format('%d', each)
    local opened = open[number]
    if string.sub(opened, 1, 7) == 'router:' then
      take_older(opened, 'waits:' .. group .. ' ' .. number, taken)
    else
      take_member(opened, name, taken, number)
    end
  end
  if has_alerts then return end
  local left = settings.members_limit
  for _, each in ipairs(numbers) do
    local number = string.format('%d', each)
    local at = string.sub(open[number], 1, 7) == 'router:' and open[number] or alert_place(open[number])
    local alert = left > 0 and redis.call('HGET', at, 'alert')
    if alert then
      left = left - 1
      redis.call('HSET', taken, 'alert:' .. number, alert)
    end
  end
end

-- Its result is not stored, because the taken group itself makes a second run return the same.
function steps.take_group(draft, state, key)
  draft.is_stored = false
  draft.count = 0
  local group, taken = place(state, key), taken_key()
  if redis.call('EXISTS', taken) == 0 then
    if tonumber(redis.call('HGET', group, 'count') or 0) == 0 then
      drop(state, key)
      return stop(draft, 'nothing')
    end
    take(group, taken, state .. ':' .. key)
  end
  local fields = redis.call('HGETALL', taken)
  local values, numbers = {}, {}
  for i = 1, #fields, 2 do
    values[fields[i]] = fields[i + 1]
    local number = string.match(fields[i], '^alert:(%d+)$')
    if number then numbers[#numbers + 1] = tonumber(number) end
  end
  table.sort(numbers)
  draft.count = tonumber(values.count or 0)
  for _, each in ipairs(numbers) do
    local number = string.format('%d', each)
    draft.extra[#draft.extra + 1] = values['alert:' .. number]
    draft.extra[#draft.extra + 1] = values['held:' .. number] or '0'
    draft.extra[#draft.extra + 1] = values['since:' .. number] or '0'
    draft.extra[#draft.extra + 1] = values['because:' .. number] or ''
  end
  return stop(draft, 'nothing')
end

-- Returns all that a timer took from its group, suppressed for the same reason.
local function all_taken(others)
  local held, fields = {}, redis.call('HGETALL', taken_key())
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 5) == 'open:' then
      held[#held + 1] = {fields[i + 1], others[2], others[3], others[4]}
    end
  end
  return held
end

function steps.retract_notified(draft, held, others)
  local every, seen = others and all_taken(others) or {}, {}
  for at = #held, 1, -1 do table.insert(every, 1, held[at]) end
  for _, each in ipairs(every) do
    local key, reason, ends, drops = unpack(each, 1, 4)
    local record = not seen[key] and find_alert(key)
    seen[key] = true
    local is_retracted = false
    for name, told in pairs(record and is_open(record) and record.told or {}) do
      if told[4] == work then
        record.told[name] = nil
        is_retracted = true
      end
    end
    if is_retracted then
      hold_back(record, reason)
      suppress(record, reason, ends, drops)
      record.is_cooled = true
      save_alert(key, record)
      look_again(key, next_look(record))
    end
  end
  return stop(draft, 'nothing')
end

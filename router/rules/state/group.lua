-- A group is a hash: count, the alerts that wait; joined, the number of the last one; and for each
-- stored alert alert:<number>, held:<number> (suppressed by a cooldown before it) and open:<number>
-- (where it is open). It has no TTL because it contains alerts; its timer ends it. A group that was taken
-- is the same hash under a key of its own, which is deleted with the timer.

function steps.join_group(draft, state, key, opened, send_to)
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
  opened = opened and draft.opened
  if opened then
    redis.call('HSET', opened, 'alert', draft.alert)
    if number <= settings.open_members_limit then
      redis.call('HSET', group, 'open:' .. number, opened)
      redis.call('HSET', opened, 'waits:' .. group .. ' ' .. number, table.concat(send_to, ' '))
    else
      redis.call('HSET', opened, 'told', 1)
      add_recipients(opened, send_to)
    end
  end
  return stop(draft, 'grouped')
end

-- The key of what the timer takes.
local function taken_key() return settings.taken .. string.sub(work, #settings.timer + 1) end

-- Moves a group to the timer's own key; its alerts are sent now. If all stored alerts are resolved,
-- stores those that were only counted instead, as far as they are stored where they are open.
local function take(group, taken)
  redis.call('RENAME', group, taken)
  redis.call('HSET', group, 'count', 0, 'joined', 0)
  local fields = redis.call('HGETALL', taken)
  local has_alerts, open, numbers = false, {}, {}
  for i = 1, #fields, 2 do
    has_alerts = has_alerts or string.sub(fields[i], 1, 6) == 'alert:'
    local number = string.match(fields[i], '^open:(%d+)$')
    if number then
      local opened = fields[i + 1]
      open[number] = opened
      numbers[#numbers + 1] = tonumber(number)
      local waits = 'waits:' .. group .. ' ' .. number
      local send_to = redis.call('HGET', opened, waits)
      if send_to then
        redis.call('HDEL', opened, waits)
        -- By this timer, unless another notified before: retract_notified depends on it.
        redis.call('HSETNX', opened, 'told', taken)
        for name in string.gmatch(send_to, '%S+') do
          redis.call('HSETNX', opened, 'to:' .. name, taken)
        end
      end
    end
  end
  if has_alerts then return end
  table.sort(numbers)
  for i = 1, math.min(#numbers, settings.members_limit) do
    local number = string.format('%d', numbers[i])
    local alert = redis.call('HGET', open[number], 'alert')
    if alert then redis.call('HSET', taken, 'alert:' .. number, alert, 'held:' .. number, 0) end
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
    take(group, taken)
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
    draft.extra[#draft.extra + 1] = values['held:' .. number]
  end
  return stop(draft, 'nothing')
end

function steps.retract_notified(draft, opened)
  local taken = taken_key()
  -- Each once, because many alerts of a group may be open at the same place.
  local places, seen = {}, {}
  local function add(at)
    if not seen[at] then places[#places + 1] = at end
    seen[at] = true
  end
  for _, each in ipairs(opened or {}) do add(place(each[1], each[2])) end
  if not opened then
    local fields = redis.call('HGETALL', taken)
    for i = 1, #fields, 2 do
      if string.sub(fields[i], 1, 5) == 'open:' then add(fields[i + 1]) end
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

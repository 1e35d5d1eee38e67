-- The marks of a key are a sorted set: the key of the alert that inhibits, or '-' if it cannot be resolved
-- -> until when. A version before keyed alerts has the place of the alert. Beside it is a set of the keyed
-- alerts that are inhibited, which are looked at when one that inhibits is resolved.

-- Notes that an alert ends a mark when it is resolved.
local function add_mark(record, mark)
  local inhibits = {}
  for _, each in ipairs(record.inhibits or {}) do
    if each ~= mark then inhibits[#inhibits + 1] = each end
  end
  inhibits[#inhibits + 1] = mark
  if #inhibits > INHIBITS_LIMIT then table.remove(inhibits, 1) end
  record.inhibits = inhibits
end

function steps.start_inhibition(draft, state, key, lasts, can_end)
  local opened = draft.opened
  if opened and opened.is_look and not opened.opens then return false end
  if not touch(draft, state, key, lasts) then return false end
  local marks = place(state, key)
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', now)
  redis.call('ZADD', marks, 'GT', now + lasts, opened and can_end and opened.key or '-')
  redis.call('ZREMRANGEBYRANK', marks, 0, -settings.marks_limit - 1)
  extend(marks, lasts)
  if opened and can_end then add_mark(opened.record, state .. ':' .. key) end
  return false
end

-- Returns whether an alert that inhibits is open; that of this chain is not stored yet.
local function is_firing(draft, name)
  if name == '-' then return true end
  if draft.opened and draft.opened.key == name then return is_open(draft.opened.record) end
  if string.sub(name, 1, 7) == 'router:' then return redis.call('EXISTS', name) == 1 end
  local record = find_alert(name)
  return record and is_open(record)
end

function steps.check_inhibited(draft, places)
  for _, each in ipairs(places) do
    local at = place(each[1], each[2])
    local after = '(' .. string.format('%.0f', now)
    local marks = redis.call('ZRANGEBYSCORE', at, after, '+inf', 'WITHSCORES')
    for i = 1, #marks, 2 do
      if is_firing(draft, marks[i]) then
        local opened = draft.opened
        if opened then
          redis.call('SADD', at .. ':inhibited', opened.key)
          extend(at .. ':inhibited', redis.call('PTTL', at))
          opened.ends, opened.drops = tonumber(marks[#marks]), nil
        end
        return stop(draft, 'held', 'inhibited')
      end
    end
  end
  return false
end

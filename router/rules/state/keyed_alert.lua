-- A keyed alert is a hash: record, a msgpack map (AlertRecord in keyed_alert.py; fields with their default
-- are missing), and alert, the body that notifications are rendered from. settings.alerts has all of them,
-- with the time of their last change, settings.looks the time of the next look at each, and
-- settings.alert_counts how many each rule has.
local FIRING, PENDING, RESOLVED = 'firing', 'pending', 'resolved'
local LOG_LIMIT, ALERT_KEPT, ALERT_KEPT_EXPIRED, LOOK_AGAIN, INHIBITS_LIMIT = 20, DAY, 3600000, 1000, 20
local ENDED_LIMIT, NAMES_LIMIT = 10, 5

local function alert_place(key) return settings.alert_prefix .. key end

-- The alerts of a rule that are resolved: a sorted set, key -> when they were.
local function ended_alerts(rule) return settings.ended_alerts .. (rule or '') end

-- Writes to a key that all alerts share. One of another type is moved aside first, because a step that
-- fails in its middle is not undone; all alerts are looked at then. A count that is none begins again.
local function write_shared(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE') then
    redis.call('RENAME', key, settings.unreadable .. key)
    redis.call('PEXPIRE', settings.unreadable .. key, 7 * DAY)
    redis.call('HINCRBY', settings.unreadable_counts, 'key', 1)
    redis.call('SET', settings.sweep, '0')
  elseif string.find(reply.err, 'not an integer') then
    redis.call('HDEL', key, (...))
  else
    return error(reply)
  end
  return redis.call(command, key, ...)
end

settings.write = write_shared

-- Returns the record of an alert; nil if there is none. One that cannot be read is moved aside.
local function find_alert(key)
  local at = alert_place(key)
  local packed = redis.pcall('HGET', at, 'record')
  if not packed then return nil end
  local record = usable_record(packed)
  if not record then set_alert_aside(settings, key) end
  return record
end

local function is_open(record)
  return record.status ~= RESOLVED and now < number_of(record['until'])
end

-- Adds a change to the log. The last of several reminders stands for all.
local function note(record, change, detail)
  local log = record.log or {}
  local last = log[#log]
  local is_again = change == 'reminded' and last and last[2] == change and last[3] == detail
  log[is_again and #log or #log + 1] = {now, change, detail or ''}
  if #log > LOG_LIMIT then table.remove(log, 1) end
  record.log, record.changed = log, now
end

-- Returns the destinations that were told that an alert fires, and not yet that it is resolved.
local function told_firing(record)
  local names = {}
  for name, told in pairs(record.told or {}) do
    if told[1] == FIRING then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- Notes that destinations are told now that an alert fires. What a chain told stays, if a timer that may
-- retract tells it again.
local function tell(record, names, by)
  by = by or '-'
  record.told = record.told or {}
  for _, name in ipairs(names) do
    local before = record.told[name]
    if by == '-' or not before or before[1] ~= FIRING then
      record.told[name] = {FIRING, now, record.count, by}
    end
  end
end

-- Counts a notification that is suppressed, and its reason. A cooldown counts its own.
local function hold_back(record, reason)
  if reason ~= 'cooldown' then record.held = number_of(record.held) + 1 end
  local because = record.held_because or {}
  for _, each in ipairs(because) do
    if each == reason then return end
  end
  because[#because + 1] = reason
  record.held_because = because
end

-- Returns how many notifications were held back, and the reasons with commas; then none is.
local function take_held(record)
  local held, because = number_of(record.held), table.concat(record.held_because or {}, ',')
  record.held, record.held_because = nil, nil
  return held, because
end

-- Notes why an alert is suppressed now, and until when if that is known.
local function suppress(record, reason, ends, drops)
  if record.why ~= reason then note(record, 'suppressed', reason) end
  record.why, record.ends, record.is_dropped = reason, ends, drops
end

-- Returns names of destinations as a log has them: the first few, and how many more there are.
local function names_text(names)
  local text = table.concat(names, ' ', 1, math.min(#names, NAMES_LIMIT))
  return #names > NAMES_LIMIT and text .. string.format(' +%d', #names - NAMES_LIMIT) or text
end

-- Returns when an alert must be judged again.
local function next_look(record)
  local at = record['until']
  local function by(time)
    time = number_of(time)
    if time > 0 and time < at then at = time end
  end
  by(record.resolving_at)
  by(record.later)
  by(record.remind_at)
  if record.status == PENDING then by(record.pending_until) end
  if record.why and not record.is_dropped and number_of(record.ends) > 0 then
    by(math.max(record.ends, now + LOOK_AGAIN))
  end
  return at > now and at or now + LOOK_AGAIN
end

-- Has an alert looked at, at the latest at a time.
local function look_again(key, at)
  write_shared('ZADD', settings.looks, 'LT', at, key)
end

-- Stores a record without the fields that have their default, and the body if it is a new one.
local function save_alert(key, record, body)
  record.version = number_of(record.version) + 1
  local stored = {}
  for name, value in pairs(record) do
    local is_default = value == 0 or value == '' or value == false
      or (type(value) == 'table' and next(value) == nil)
    if not is_default then stored[name] = value end
  end
  if body then
    redis.call('HSET', alert_place(key), 'record', cmsgpack.pack(stored), 'alert', body)
  else
    redis.call('HSET', alert_place(key), 'record', cmsgpack.pack(stored))
  end
  -- Most events change nothing that is listed.
  if record.changed == now then write_shared('ZADD', settings.alerts, now, key) end
end

-- Records what a chain has decided about its alert, and when to look at it again.
local function settle_alert(draft)
  local opened = draft.opened
  if not opened then return end
  local record = opened.record
  if draft.outcome == 'held' then
    if opened.opens or not opened.is_look then hold_back(record, draft.reason) end
    suppress(record, draft.reason, opened.ends or 0, opened.drops)
    if opened.is_due and record.ends > now and not opened.drops then
      record.remind_at = math.min(record.remind_at, record.ends)
    end
  end
  save_alert(opened.key, record, opened.body)
  look_again(opened.key, next_look(record))
end

-- Takes an alert out of a group in which it waits, '<state>:<key>'. Returns how many members that were.
local function withdraw(name, waiting)
  local group = settings.state .. name
  for _, number in ipairs(waiting[2]) do
    local at = string.format('%d', number)
    redis.call('HDEL', group, 'alert:' .. at, 'held:' .. at, 'open:' .. at)
    redis.call('HINCRBY', group, 'count', -1)
  end
  return #waiting[2]
end

-- Ends a mark by which an alert inhibits others, '<state>:<key>', and has those looked at. They are moved
-- to a set of their own, because a look adds those to the first one again that another alert inhibits.
local function end_mark(mark, key)
  redis.call('ZREM', settings.state .. mark, key)
  local inhibited = settings.state .. mark .. ':inhibited'
  if redis.call('EXISTS', inhibited) == 0 then return end
  local ended = inhibited .. ':ended'
  if redis.call('EXISTS', ended) == 1 then redis.call('SUNIONSTORE', inhibited, inhibited, ended) end
  redis.call('RENAME', inhibited, ended)
  redis.call('PEXPIRE', ended, DAY)
  look_again('!' .. ended, now)
end

-- Ends an alert that is open, and all that is bound to it. Always true.
local function end_alert(draft, key, record, bound, change, detail)
  draft.opened = nil
  for group, waiting in pairs(record.waiting or {}) do
    draft.withdrawn = draft.withdrawn + withdraw(group, waiting)
  end
  for _, each in ipairs(bound) do drop(each[1], each[2]) end
  for _, mark in ipairs(record.inhibits or {}) do end_mark(mark, key) end
  local names = change == 'expired' and {} or told_firing(record)
  for _, name in ipairs(names) do record.told[name] = {RESOLVED, now, record.count} end
  for _, name in ipairs({'waiting', 'inhibits', 'why', 'held', 'held_because', 'ends', 'pending_until',
                         'resolving_at', 'remind_at', 'later'}) do
    record[name] = nil
  end
  record.status, record.resolved_at = RESOLVED, now
  note(record, change or 'resolved', detail)
  save_alert(key, record)
  write_shared('ZADD', ended_alerts(record.rule), now, key)
  write_shared('ZADD', settings.looks, now + (change == 'expired' and ALERT_KEPT_EXPIRED or ALERT_KEPT), key)
  if #names == 0 then return stop(draft, 'ended') end
  draft.notified = table.concat(names, ' ')
  draft.resolved = redis.call('HGET', alert_place(key), 'alert') or ''
  draft.extra = {string.format('%.0f', number_of(record.since)), record.acknowledged_by or ''}
  return stop(draft, 'resolved')
end

-- Drops alerts of a rule that are resolved, the oldest first, until there is room; only a few at once.
local function drop_ended(rule, is_full)
  for _, old in ipairs(write_shared('ZRANGE', ended_alerts(rule), 0, ENDED_LIMIT - 1)) do
    if not is_full() then return end
    local record = find_alert(old)
    if record and record.status == RESOLVED then
      forget_alert(settings, old, record)
    else
      redis.call('ZREM', ended_alerts(rule), old)
    end
  end
end

-- Reserves room for a new alert of a rule. Alerts that are over make room: of its own rule, or of any if
-- there are too many of all rules. Returns false, and notes it, if there is none.
local function reserve_alert(draft, key, rule)
  if write_shared('ZSCORE', settings.alerts, key) then return true end -- its record could not be used
  local function is_rule_full()
    local count = write_shared('HGET', settings.alert_counts, rule)
    return number_of(count) >= settings.rule_alerts_limit
  end
  local function is_full()
    return is_rule_full() or redis.call('ZCARD', settings.alerts) >= settings.alerts_limit
  end
  if is_full() then
    drop_ended(rule, is_full)
    if is_full() and not is_rule_full() then
      for _, old in ipairs(redis.call('ZRANGE', settings.alerts, 0, 99)) do
        local record = find_alert(old)
        if record and not is_open(record) then forget_alert(settings, old, record) end
        if not is_full() then break end
      end
    end
    if is_full() then
      draft.overflowed = 1
      return false
    end
  end
  write_shared('HINCRBY', settings.alert_counts, rule, 1)
  return true
end

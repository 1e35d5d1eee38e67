-- Begins a life of an alert.
local function begin_life(record, rule, at, pending)
  local status = pending > 0 and PENDING or FIRING
  local fresh = {
    rule = rule, version = record.version, log = record.log, status = status, since = at, at = at,
    opened_at = now, pending_until = pending > 0 and now + pending or nil,
  }
  note(fresh, pending > 0 and 'pending' or 'opened')
  return fresh
end

function steps.open_alert(draft, key, rule, at, lasts, pending, later)
  local record = find_alert(key)
  if not record then
    if not reserve_alert(draft, key, rule) then return false end
    record = {status = RESOLVED, ['until'] = 0}
  end
  if record.resolved_at then write_shared('ZREM', ended_alerts(rule), key) end
  local is_first = not is_open(record)
  if is_first then record = begin_life(record, rule, at, pending) end
  draft.opened = {key = key, record = record, opens = is_first and record.status == FIRING}
  record.count = number_of(record.count) + 1
  record.at = math.max(number_of(record.at), at)
  record['until'] = math.max(number_of(record['until']), now + lasts)
  record.later, record.is_dropped, record.resolving_at = later, nil, nil
  draft.opened.body = draft.alert
  if record.status == PENDING then return stop(draft, is_first and 'pending' or 'counted') end
  return false
end

-- Lets the chain's notification say what was held back, and who has acknowledged the alert; nothing if
-- nothing was held back, no look causes it, and the alert is not acknowledged.
local function say_held(draft, record, reminder)
  local is_look, by = draft.opened.is_look, record.acknowledged_by or ''
  local held, because = take_held(record)
  local is_late = because ~= '' or is_look
  if is_late or by ~= '' then
    draft.extra = {
      string.format('%.0f', is_late and number_of(record.since) or 0),
      because, string.format('%.0f', reminder), by,
    }
  end
  if is_late then
    -- A late notification is itself one of those that were held back.
    draft.held_back = math.max(0, draft.held_back + held - (is_look and 1 or 0))
  end
end

function steps.record_notified(draft, send_to, remind)
  local opened = draft.opened
  if not opened then return false end
  local record = opened.record
  local names = opened.is_look and opened.names or send_to
  if opened.is_look or (record.why or '') ~= '' or #told_firing(record) == 0 then
    note(record, opened.is_reminder and 'reminded' or 'notified', names_text(names))
  end
  tell(record, names)
  record.why, record.ends = nil, nil
  record.remind_at = remind > 0 and now + remind or nil
  if opened.is_reminder then record.reminders = number_of(record.reminders) + 1 end
  if opened.is_look then draft.notified = table.concat(names, ' ') end
  say_held(draft, record, opened.is_reminder and record.reminders or 0)
  return false
end

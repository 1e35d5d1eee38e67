local WAITS = 60000

function steps.read_alert(draft, key)
  draft.is_stored = false
  local record = find_alert(key)
  if record and record.status ~= RESOLVED then
    draft.extra = {redis.call('HGET', alert_place(key), 'alert') or ''}
  end
  return stop(draft, 'nothing')
end

-- Stops, because nothing is to be told. What suppressed the alert is over, unless its end is known.
local function leave(draft, record)
  if number_of(record.ends) <= now then record.why, record.ends = nil, nil end
  return stop(draft, 'nothing')
end

function steps.look_at(draft, key, send_to, later, remind, bound)
  local record = find_alert(key)
  if not record or record.status == RESOLVED then return stop(draft, 'nothing') end
  if record.waiting and next(record.waiting) then
    record['until'] = math.max(record['until'], now + WAITS)
  end
  if now >= record['until'] then return end_alert(draft, key, record, bound, 'expired') end
  local resolving = number_of(record.resolving_at)
  if resolving > 0 and resolving <= now then return end_alert(draft, key, record, bound) end
  local opened = {key = key, record = record, is_look = true}
  draft.opened = opened
  record.later = later
  if record.status == PENDING then
    if now < record.pending_until then return stop(draft, 'nothing') end
    record.status, record.pending_until = FIRING, nil
    note(record, 'opened')
    opened.opens = true
  end
  local acknowledged = is_acknowledged(key, record.opened_at)
  local remind_at = number_of(record.remind_at)
  local is_due = remind_at > 0 and remind_at <= now
  if remind_at > 0 and (is_due or acknowledged or remind == 0) then
    record.remind_at = remind > 0 and now + remind or nil
  end
  if resolving > 0 or (record.waiting and next(record.waiting)) then return leave(draft, record) end
  local told, untold, knowing = record.told or {}, {}, {}
  for _, name in ipairs(send_to) do
    if not told[name] or told[name][1] ~= FIRING then untold[#untold + 1] = name end
  end
  local firing = told_firing(record)
  opened.is_told = #firing > 0
  opened.is_due = is_due and not acknowledged and remind > 0
  if #untold > 0 and not record.is_dropped and not acknowledged then
    opened.names = untold
    return false
  end
  if opened.is_due then
    local wanted = {}
    for _, name in ipairs(send_to) do wanted[name] = true end
    for _, name in ipairs(firing) do
      if wanted[name] then knowing[#knowing + 1] = name end
    end
    if #knowing > 0 then
      opened.names, opened.is_reminder = knowing, true
      return false
    end
  end
  return leave(draft, record)
end

function steps.open_for_look(draft, key)
  local record = find_alert(key)
  if record and is_open(record) then draft.opened = {key = key, record = record, is_look = true} end
  return false
end

function steps.end_by_operator(draft, key, by, bound)
  local record = find_alert(key)
  if not record or not is_open(record) then return stop(draft, 'nothing') end
  return end_alert(draft, key, record, bound, 'resolved', by)
end

function steps.expire_alert(draft, key, detail)
  local record = find_alert(key)
  if not record or record.status == RESOLVED then return stop(draft, 'nothing') end
  return end_alert(draft, key, record, {}, 'expired', detail)
end

function steps.postpone_look(draft, key, wait)
  if find_alert(key) then redis.call('ZADD', settings.looks, now + wait, key) end
  return stop(draft, 'nothing')
end

-- An escalation is a hash: run, which one; since, when it began; over, if it ended.

function steps.start_escalation(draft, state, key, alert_key, run, lasts)
  if draft.opened and draft.opened.is_told then return false end
  local at = place(state, key)
  local since, over = unpack(redis.call('HMGET', at, 'since', 'over'))
  if since and not over and not is_acknowledged(alert_key, since) then return false end
  if not touch(draft, state, key, lasts) then return false end
  redis.call('HDEL', at, 'over')
  redis.call('HSET', at, 'run', run, 'since', now)
  extend(at, lasts)
  draft.escalates = 1
  return false
end

function steps.continue_escalation(draft, state, key, alert_key, run, last, send_to, older)
  local at = place(state, key)
  local running, since, over = unpack(redis.call('HMGET', at, 'run', 'since', 'over'))
  if running ~= run or over then return stop(draft, 'nothing') end
  local acknowledged = is_acknowledged(alert_key, since)
  if last or acknowledged then redis.call('HSET', at, 'over', 1) end
  if acknowledged then return stop(draft, 'nothing') end
  local record = find_alert(alert_key)
  if record and is_open(record) and #send_to > 0 then
    tell(record, send_to)
    note(record, 'escalated', names_text(send_to))
    save_alert(alert_key, record)
  end
  older = older and place(older[1], older[2])
  if older and redis.call('EXISTS', older) == 1 then
    for _, name in ipairs(send_to) do redis.call('HSET', older, 'to:' .. name, 1) end
  end
  return false
end

function steps.check_escalation(draft, state, key, alert_key, run)
  local running, since, over = unpack(redis.call('HMGET', place(state, key), 'run', 'since', 'over'))
  if running ~= run or over or is_acknowledged(alert_key, since) then return stop(draft, 'nothing') end
  return false
end

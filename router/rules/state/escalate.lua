-- An escalation is a hash: run, which one; since, when it began; over, if it ended.

function steps.start_escalation(draft, state, key, alert_key, run, lasts)
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

function steps.continue_escalation(draft, state, key, alert_key, run, last, opened, send_to)
  local at = place(state, key)
  local running, since, over = unpack(redis.call('HMGET', at, 'run', 'since', 'over'))
  if running ~= run or over then return stop(draft, 'nothing') end
  local acknowledged = is_acknowledged(alert_key, since)
  if last or acknowledged then redis.call('HSET', at, 'over', 1) end
  if acknowledged then return stop(draft, 'nothing') end
  opened = opened and place(opened[1], opened[2])
  if opened and redis.call('EXISTS', opened) == 1 then add_recipients(opened, send_to) end
  return false
end

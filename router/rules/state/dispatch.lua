local function decide(program, alert)
  local draft = {
    outcome = 'told', reason = '', count = 1, held_back = 0, first = 0, escalates = 0, withdrawn = 0,
    notified = '', overflowed = 0, resolved = '', extra = {}, is_stored = true, alert = alert,
  }
  for _, step in ipairs(program) do
    if steps[step[1]](draft, unpack(step, 2, 9)) then break end
  end
  local result = {
    draft.outcome, draft.reason, draft.count, draft.held_back, draft.first, draft.escalates,
    draft.withdrawn, draft.notified, draft.overflowed, draft.resolved,
  }
  for _, each in ipairs(draft.extra) do result[#result + 1] = each end
  return result, draft.is_stored
end

local replies = {}
for _, chain in ipairs(cmsgpack.unpack(chains)) do
  local id, program, alert_at = unpack(chain)
  local alert = unpack(ARGV, alert_at, alert_at)
  local known = redis.call('HGET', results, id)
  local result, is_stored = known and cmsgpack.unpack(known), false
  if not result then
    result, is_stored = decide(program, alert)
    if is_stored then redis.call('HSET', results, id, cmsgpack.pack(result)) end
  end
  replies[#replies + 1] = result
end
return replies

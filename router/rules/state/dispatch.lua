-- Returns whether an error says that a record is not what it should be. Others are those of Redis.
local function is_unreadable(failure)
  local reason = type(failure) == 'table' and failure.err or tostring(failure)
  return string.find(reason, 'WRONGTYPE') or string.find(reason, 'attempt to')
    or string.find(reason, 'not an integer') or string.find(reason, 'not a valid float')
    or string.find(reason, 'bad argument') or string.find(reason, 'unreadable figures')
end

-- Moves the records of a step aside, because the step failed at what they contain.
local function set_aside(step)
  local places = type(step[2]) == 'table' and step[2] or {{step[2], step[3]}}
  for _, each in ipairs(places) do
    if type(each) == 'table' and type(each[1]) == 'string' and type(each[2]) == 'string' then
      local record, keys = place(each[1], each[2]), index(each[1])
      local kind = redis.call('TYPE', keys).ok
      if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', keys) end
      if redis.call('EXISTS', record) == 1 then
        redis.call('RENAME', record, settings.unreadable .. record)
        redis.call('PEXPIRE', settings.unreadable .. record, 7 * DAY)
      end
    end
  end
  redis.call('HINCRBY', settings.unreadable_counts, 'state', 1)
end

-- Runs a step. If it fails, it runs once more after its records were moved aside, and is left out if
-- that fails too: it is better that an alert is sent than that no event of the batch is decided.
-- Returns whether it stops its chain.
local function run_step(draft, step)
  local run = steps[step[1]]
  local ok, stops = pcall(run, draft, unpack(step, 2, 12))
  if ok then return stops end
  if not is_unreadable(stops) then return error(stops) end
  set_aside(step)
  ok, stops = pcall(run, draft, unpack(step, 2, 12))
  if ok then return stops end
  if not is_unreadable(stops) then return error(stops) end
  return false
end

local function decide(program, alert)
  local draft = {
    outcome = 'told', reason = '', count = 1, held_back = 0, first = 0, escalates = 0, withdrawn = 0,
    notified = '', overflowed = 0, resolved = '', extra = {}, is_stored = true, alert = alert,
  }
  for _, step in ipairs(program) do
    if run_step(draft, step) then break end
  end
  local is_settled, failure = pcall(settle_alert, draft)
  if not is_settled then
    if not is_unreadable(failure) then return error(failure) end
    set_alert_aside(settings, draft.opened.key)
  end
  local result = {
    draft.outcome, draft.reason, draft.count, draft.held_back, draft.first, draft.escalates,
    draft.withdrawn, draft.notified, draft.overflowed, draft.resolved,
  }
  if draft.words then result[#result + 1] = draft.words end
  for _, each in ipairs(draft.extra) do result[#result + 1] = each end
  return result, draft.is_stored
end

-- Returns the number of a chain that is decided now, greater than that of every earlier one: alerts arise
-- in the order in which their chains are decided. It counts from Redis's own record, which the time only
-- replaces if it is lost.
local following
local function next_number()
  if not following then
    local latest = redis.pcall('GET', settings.latest_number)
    following = math.max((type(latest) == 'string' and tonumber(latest) or 0) + 1, now * 1000)
  end
  following = following + 1
  return following - 1
end

local replies = {}
local kind = redis.call('TYPE', results).ok
if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', results) end
for _, chain in ipairs(cmsgpack.unpack(chains)) do
  local id, program, alert_at = unpack(chain)
  local alert = unpack(ARGV, alert_at, alert_at)
  local known = redis.call('HGET', results, id)
  local is_known, result = pcall(cmsgpack.unpack, known or '')
  local is_stored, number = false, nil
  if not known or not is_known or type(result) ~= 'table' then
    result, is_stored = decide(program, alert)
    number = not is_stored and redis.call('HGET', results, '#' .. id)
    if not number then
      number = string.format('%.0f', next_number())
      redis.call('HSET', results, '#' .. id, number)
    end
    if is_stored then redis.call('HSET', results, id, cmsgpack.pack(result)) end
  else
    number = redis.call('HGET', results, '#' .. id) or '0'
  end
  replies[#replies + 1] = {number, result}
end
if following then redis.call('SET', settings.latest_number, string.format('%.0f', following - 1)) end
return replies

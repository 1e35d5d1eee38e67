#!lua flags=allow-oom
local looks, alerts, alert_counts, sweep, timers, timer_queue = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Opens a timer for a page of the keyed alerts that must be judged again. Those that are over and were not
-- held back need no judgement: they expire, or are forgotten, here. A member that begins with ! stands for the
-- alerts that a mark inhibited; sweep, a cursor of ZSCAN, for all alerts that are open.
-- Returns: how many alerts the timer has, and whether more are due.
local now = clock_ms(arguments.set_ms)
local LOG_LIMIT = 20

local lists = {
  alert_prefix = arguments.alert_prefix, alerts = alerts, alert_counts = alert_counts,
  ended_alerts = arguments.ended_prefix, looks = looks, write = write,
}

-- Returns the record of an alert; nil, after removing it from the lists, if there is none.
local function find(key)
  local packed = redis.pcall('HGET', arguments.alert_prefix .. key, 'record')
  local record = usable_record(packed)
  if packed and not record then set_alert_aside(lists, key) end
  if not packed then write('ZREM', alerts, key) end
  return record
end

-- Has a page of all open alerts looked at.
local function sweep_page()
  local cursor = run_or_delete('GET', sweep)
  if not cursor then return false end
  local reply = write('ZSCAN', alerts, cursor, 'COUNT', arguments.count)
  for i = 1, #reply[2], 2 do
    local record = find(reply[2][i])
    if record and record.status ~= 'resolved' then
      write('ZADD', looks, 'LT', now, reply[2][i])
    elseif record then  -- its look may be lost
      write('ZADD', looks, 'NX', now + arguments.kept_expired_ms, reply[2][i])
    end
  end
  if reply[1] == '0' then redis.call('DEL', sweep) else redis.call('SET', sweep, reply[1]) end
  return reply[1] ~= '0'
end

-- Ends an alert that no event has continued. Nothing else depends on it.
local function expire(key, record)
  record.log = record.log or {}
  record.log[#record.log + 1] = {now, 'expired', ''}
  if #record.log > LOG_LIMIT then table.remove(record.log, 1) end
  record.status, record.resolved_at, record.changed = 'resolved', now, now
  record.version = number_of(record.version) + 1
  for _, name in ipairs({'why', 'ends', 'held', 'held_because', 'remind_at', 'later', 'pending_until'}) do
    record[name] = nil
  end
  redis.call('HSET', arguments.alert_prefix .. key, 'record', cmsgpack.pack(record))
  write('ZADD', alerts, now, key)
  write('ZADD', arguments.ended_prefix .. (record.rule or ''), now, key)
  redis.call('ZADD', looks, now + arguments.kept_expired_ms, key)
end

-- Returns whether an alert must be judged by a worker. Most are only over.
local function must_judge(key)
  local record = find(key)
  if not record then return false end
  if record.status == 'resolved' then
    forget_alert(lists, key, record)
    return false
  end
  if now >= record['until'] and not record.waiting and not record.inhibits and
     number_of(record.resolving_at) == 0 and record.status == 'firing' then
    expire(key, record)
    return false
  end
  return true
end

local more = sweep_page()
local due = write('ZRANGEBYSCORE', looks, '-inf', now, 'LIMIT', 0, arguments.count)
local page = {}
for _, key in ipairs(due) do
  redis.call('ZREM', looks, key)
  if string.sub(key, 1, 1) == '!' then
    local inhibited = run_or_delete('SPOP', string.sub(key, 2), arguments.count)
    for _, each in ipairs(inhibited) do redis.call('ZADD', looks, 'LT', now, each) end
    if #inhibited == arguments.count then redis.call('ZADD', looks, now, key) end
    more = true
  elseif must_judge(key) then
    page[#page + 1] = key
  end
end
if #page > 0 then
  local timer = {'look.2', now / 1000, '', 'alert', '', page}
  redis.call('SET', arguments.timer_prefix .. arguments.id, cmsgpack.pack(timer))
  enqueue(arguments.id, now, timers, timer_queue, arguments.job_prefix .. arguments.id, arguments.job_record, arguments.wake_channel)
end
return {#page, (more or #due == arguments.count) and 1 or 0}

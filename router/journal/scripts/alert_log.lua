-- The function by which operators' scripts write to the record of a keyed alert, which
-- rules/state/keyed_alert.lua writes otherwise. router/journal/script.py puts this file before them.
local FORM, LOG_LIMIT = 1, 20

-- Adds a change to the log of a keyed alert, with who has done it, and has the alert judged again, because
-- reminders and escalations depend on it. ``acknowledged_by`` is who has the alert now. A record that
-- this version cannot read is left as it is.
local function note_change(alert, alerts, looks, key, now_ms, change, by, acknowledged_by)
  local packed = redis.pcall('HGET', alert, 'record')
  if type(packed) ~= 'string' then return end
  local is_readable, record = pcall(cmsgpack.unpack, packed)
  if not is_readable or type(record) ~= 'table' or (record.form or FORM) ~= FORM then return end
  local log = type(record.log) == 'table' and record.log or {}
  log[#log + 1] = {now_ms, change, by}
  while #log > LOG_LIMIT do table.remove(log, 1) end
  record.acknowledged_by = acknowledged_by
  record.log, record.changed, record.version = log, now_ms, (tonumber(record.version) or 0) + 1
  redis.call('HSET', alert, 'record', cmsgpack.pack(record))
  write('ZADD', alerts, now_ms, key)
  if record.status ~= 'resolved' then write('ZADD', looks, 'LT', now_ms, key) end
end

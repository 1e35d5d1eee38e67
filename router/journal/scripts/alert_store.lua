-- Functions of the scripts that count, forget and set aside keyed alerts. router/journal/script.py puts this
-- file before open_looks.lua, and router/journal/rule_state.py before the steps of rules.
--
-- ``lists`` has the names of their keys: alert_prefix, alerts, alert_counts, ended_alerts (the prefix of the
-- lists of those that are resolved, one for each rule) and looks; and write, which runs a command on a key that
-- all alerts share, and first moves one of another type aside.
local function number_of(value) return tonumber(value) or 0 end

-- Returns a record, unpacked; nil if it cannot be used.
local function usable_record(packed)
  local is_readable, record = pcall(cmsgpack.unpack, packed)
  if is_readable and type(record) == 'table' and type(record['until']) == 'number' then return record end
end

-- Counts an alert of a rule no more.
local function uncount_alert(lists, rule)
  local left = number_of(lists.write('HGET', lists.alert_counts, rule)) - 1
  if left > 0 then
    redis.call('HSET', lists.alert_counts, rule, left)
  else
    redis.call('HDEL', lists.alert_counts, rule)
  end
end

-- Returns the rule in the body of an alert; nil if it cannot be read. It is the second text of the first array in
-- an array, which cmsgpack does not read because of the binary event behind it.
local function rule_of(body)
  local at, rule = string.byte(body, 2) == 220 and 5 or 3, nil
  for _ = 1, 2 do
    local kind, long = string.byte(body, at, at + 1)
    if not kind or kind < 160 or (kind > 191 and (kind ~= 217 or not long)) then return nil end
    local first = at + (kind == 217 and 2 or 1)
    at = first + (kind == 217 and long or kind - 160)
    rule = string.sub(body, first, at - 1)
  end
  return rule
end

-- Moves an alert aside that cannot be used. It counts no more, if its body says of which rule it is; else
-- its place in the list says that it counts.
local function set_alert_aside(lists, key)
  local at = lists.alert_prefix .. key
  local body = redis.pcall('HGET', at, 'alert')
  local rule = type(body) == 'string' and rule_of(body)
  if rule and lists.write('ZREM', lists.alerts, key) == 1 then
    uncount_alert(lists, rule)
    lists.write('ZREM', lists.ended_alerts .. rule, key)
  end
  redis.call('RENAME', at, 'router:unreadable:' .. at)
  redis.call('EXPIRE', 'router:unreadable:' .. at, 604800)
  redis.call('HINCRBY', 'router:unreadable', 'state', 1)
end

-- Deletes an alert that is resolved.
local function forget_alert(lists, key, record)
  local rule = record.rule or ''
  redis.call('DEL', lists.alert_prefix .. key)
  lists.write('ZREM', lists.alerts, key)
  lists.write('ZREM', lists.looks, key)
  lists.write('ZREM', lists.ended_alerts .. rule, key)
  uncount_alert(lists, rule)
end

-- Functions that several scripts share. router/journal/script.py puts this file before each script.

-- Returns Redis's own time in Unix ms, because the clocks of two machines may differ.
local function redis_ms()
  local seconds, microseconds = unpack(redis.call('TIME'))
  return seconds * 1000 + math.floor(microseconds / 1000)
end

-- Returns the time in Unix ms: that of Redis, or the one that a test has set if it is not 0.
local function clock_ms(set_ms)
  set_ms = tonumber(set_ms)
  return set_ms > 0 and set_ms or redis_ms()
end

local function is_wrong_type(reply)
  return type(reply) == 'table' and reply.err and string.find(reply.err, '^WRONGTYPE')
end

-- Runs a command that writes to a key that all work shares. If the key has another type, it is moved
-- aside first, because a script that fails in its middle is not undone.
local function write(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if is_wrong_type(reply) then
    local aside = 'router:unreadable:' .. key
    redis.call('RENAME', key, aside)
    redis.call('EXPIRE', aside, 604800)
    redis.call('HINCRBY', 'router:unreadable', 'key', 1)
    return redis.call(command, key, ...)
  end
  if type(reply) == 'table' and reply.err then return error(reply) end
  return reply
end

-- Runs a command on a key of this work alone. If the key has another type, it is deleted and the
-- command runs again: what it contained can be computed again.
local function run_or_delete(command, key, ...)
  local reply = redis.pcall(command, key, ...)
  if is_wrong_type(reply) then
    redis.call('DEL', key)
    return redis.call(command, key, ...)
  end
  if type(reply) == 'table' and reply.err then return error(reply) end
  return reply
end

-- Returns whether another worker has the lease of a job. A lease that has expired, and that no other
-- worker has acquired, is not lost. A caller without a lease passes '' as its token.
local function is_lost(lease, token)
  if token == '' then return false end
  local owner = run_or_delete('GET', lease)
  return owner and owner ~= token
end

-- Adds to a counter of the ledger. A field, or a whole ledger, that is not what it should be is moved
-- aside, because every other transaction would fail at it for ever. Returns the new count.
local function add_to(ledger, field, amount)
  local reply = redis.pcall('HINCRBY', ledger, field, amount)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if not (is_wrong_type(reply) or string.find(reply.err, 'not an integer') or
          string.find(reply.err, 'overflow')) then
    return error(reply)
  end
  if redis.call('TYPE', ledger).ok ~= 'hash' then
    redis.call('RENAME', ledger, 'router:unreadable:' .. ledger)
  else
    redis.call('HSET', 'router:unreadable-ledger', field, redis.call('HGET', ledger, field) or '')
    redis.call('HDEL', ledger, field)
  end
  redis.call('HINCRBY', 'router:unreadable', 'ledger', 1)
  return redis.call('HINCRBY', ledger, field, amount)
end

-- Ends a job: deletes its record, lease and count of starts, and its entry in the queue.
local function end_job(id, queue, job, lease, starts)
  redis.call('DEL', job, lease, starts)
  redis.call('ZREM', queue, id)
end

-- Closes a delivery set and ends its job, if its last delivery has left it. Redis deletes an empty
-- hash by itself.
local function end_if_empty(set, set_id, open_sets, queue, job, lease, starts)
  if redis.call('EXISTS', set) == 1 then return end
  redis.call('ZREM', open_sets, set_id)
  end_job(set_id, queue, job, lease, starts)
end

-- Returns where a text of a msgpack record begins and ends, given its position; nil if there is none.
local function text_bounds(record, at)
  local kind, high, low = string.byte(record, at, at + 2)
  if not kind or kind < 160 then return nil end
  if kind < 192 then return at + 1, at + kind - 160 end
  if kind == 217 and high then return at + 2, at + 1 + high end
  if kind == 218 and low then return at + 3, at + 2 + high * 256 + low end
end

-- Returns the reference to an alert that is stored by itself, in the record of a delivery, of a dead
-- letter or of a delivery in quarantine; nil if the alert is part of the record. Only the begin of the
-- record is read, so that the rest may be of a newer version or damaged.
local function reference_in(record)
  local at, texts = 2, 3  -- the third one, after the delivery's id and destination
  if (string.byte(record) or 0) < 144 then
    at = string.match(record, '^[\128-\143]\168delivery[\144-\159]()')
    if not at then at, texts = string.match(record, '^[\128-\143]\169reference()'), 1 end
    if not at then return nil end
  end
  local first, last
  for _ = 1, texts do
    first, last = text_bounds(record, at)
    if not first then return nil end
    at = last + 1
  end
  return string.sub(record, first, last)
end

-- Ends the reference in a record that is deleted or overwritten. The last one deletes the alert. Each
-- script that does so passes what is stored, because what a worker has read may be superseded.
local function end_reference(record)
  local name, field = string.match(reference_in(record) or '', '^([^.]+)%.(%d+)')
  if not name then return end
  local alerts, count = 'router:alerts:' .. name, field .. '#'
  local left = redis.pcall('HINCRBY', alerts, count, -1)
  if type(left) == 'number' and left <= 0 then redis.call('HDEL', alerts, field, count) end
end

-- Writes a record to a hash that all work shares, and ends the reference in the one that it replaces.
-- Returns the number of records added.
local function put(records, id, record)
  local replaced = redis.pcall('HGET', records, id)
  if type(replaced) == 'string' then end_reference(replaced) end
  return write('HSET', records, id, record)
end

-- Opens work and enqueues its job, both due at a time in Unix ms, and wakes the queue's workers.
local function enqueue(id, due_ms, open_work, queue, job, job_record, wake_channel)
  write('ZADD', open_work, due_ms, id)
  redis.call('SET', job, job_record)
  write('ZADD', queue, due_ms, id)
  redis.call('PUBLISH', wake_channel, '')
end

-- Stops adding to a batch or set, so that each run of its job finds the same in it.
local function seal(filling, id)
  if run_or_delete('HGET', filling, 'id') == id then redis.call('DEL', filling) end
end

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

-- Returns whether another worker has the lease of a job. A lease that has expired, and that no other
-- worker has acquired, is not lost. A caller without a lease passes '' as its token.
local function is_lost(lease, token)
  if token == '' then return false end
  local owner = redis.call('GET', lease)
  return owner and owner ~= token
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

-- Ends a delivery's reference to an alert that is stored by itself (a key and a field, both empty if
-- it is not). The last one deletes the alert.
local function end_reference(alerts, field)
  if alerts == '' then return end
  local count = field .. '#'
  if redis.call('HINCRBY', alerts, count, -1) <= 0 then redis.call('HDEL', alerts, field, count) end
end

-- Opens work and enqueues its job, both due at a time in Unix ms, and wakes the queue's workers.
local function enqueue(id, due_ms, open_work, queue, job, job_record, wake_channel)
  redis.call('ZADD', open_work, due_ms, id)
  redis.call('SET', job, job_record)
  redis.call('ZADD', queue, due_ms, id)
  redis.call('PUBLISH', wake_channel, '')
end

-- Stops adding to a batch or set, so that each run of its job finds the same in it.
local function seal(filling, id)
  if redis.call('HGET', filling, 'id') == id then redis.call('DEL', filling) end
end

#!lua flags=allow-oom
local queue, lease, starts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Releases the lease of a job that has work left, and deletes its count of starts, because no
-- process ended during it. A job that was not run loses only the start that its poll has counted:
-- earlier ones may have ended processes. The job is due after pause_ms; without it, as it was before
-- it was leased. A job that has ended meanwhile is not enqueued again. Idempotent.
-- Returns: 1; 0, unchanged, if another worker has the lease.
if is_lost(lease, arguments.token) then return 0 end
local is_owned = redis.call('GET', lease) == arguments.token
if arguments.was_run then
  redis.call('DEL', starts)
elseif is_owned and redis.call('DECR', starts) <= 0 then
  redis.call('DEL', starts)
end
redis.call('DEL', lease)
local now = redis_ms()
local due_ms = arguments.pause_ms and now + arguments.pause_ms or math.min(arguments.due_ms, now)
redis.call('ZADD', queue, 'XX', due_ms, arguments.id)
return 1

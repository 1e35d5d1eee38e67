#!lua flags=allow-oom
local queue, lease, starts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Releases the lease of a job that has work left, and deletes its count of starts, because no
-- process ended during it. The job is due at due_ms; without it, its due time stays. A job that has
-- ended meanwhile is not enqueued again. Idempotent.
redis.call('DEL', lease, starts)
if arguments.due_ms then redis.call('ZADD', queue, 'XX', arguments.due_ms, arguments.id) end

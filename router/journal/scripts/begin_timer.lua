#!lua flags=allow-oom
local record, queue, job, lease, starts = unpack(KEYS)
local id, token = unpack(ARGV)
-- Begins the work on a timer: it is read. If there is no such timer, its job ends. Idempotent.
-- Returns: the timer's record; -1, unchanged, if the caller has a token that is not that of the lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
local content = redis.call('GET', record)
if not content then end_job(id, queue, job, lease, starts) end
return content

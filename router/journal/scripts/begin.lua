#!lua flags=allow-oom
local filling, record, queue, job, lease, starts = unpack(KEYS)
local id, token, read_command = unpack(ARGV)
-- Begins the work on a timer or set: it is sealed and read. If there is no such record, its job
-- ends. Idempotent.
-- Returns: the reply to the command that reads the record; -1, unchanged, if the caller has a token
--          that is not that of the lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
seal(filling, id)
local content = redis.call(read_command, record)
if not content or #content == 0 then end_job(id, queue, job, lease, starts) end
return content

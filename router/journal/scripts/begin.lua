#!lua flags=allow-oom
local filling, record, queue, job, lease, starts = unpack(KEYS)
local id, read_command = unpack(ARGV)
-- Begins the work on a timer or set: it is sealed and read. If there is no such record, its job
-- ends. Idempotent.
-- Returns: the reply to the command that reads the record.
seal(filling, id)
local content = redis.call(read_command, record)
if not content or #content == 0 then end_job(id, queue, job, lease, starts) end
return content

#!lua flags=allow-oom
local queue, job, lease, starts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Removes a job that names no work of the router. Idempotent.
end_job(arguments.id, queue, job, lease, starts)

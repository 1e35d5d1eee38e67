#!lua flags=allow-oom
local queue, job, lease, starts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Removes a job that names no work of the router, unless another worker has its lease. Idempotent.
if is_lost(lease, arguments.token) then return end
end_job(arguments.id, queue, job, lease, starts)

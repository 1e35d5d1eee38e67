#!lua flags=allow-oom
local queue = unpack(KEYS)
local now_ms, lease_ms, max_jobs, max_ids, starts_seconds, job_prefix, lease_prefix, starts_prefix =
  unpack(ARGV)
-- Acquires the leases of due jobs for one worker, and counts a start of each, in one round trip;
-- arq takes five for each job. The leases of a worker that ends before it has the reply expire.
-- Returns: the Unix ms at which the next job is due, -1 if there is none; 1 if more may be due,
--          else 0; then id, record ('' if it is missing) and starts of each job.
local _, next_due_ms =
  unpack(redis.call('ZRANGEBYSCORE', queue, '(' .. now_ms, '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
local due = redis.call('ZRANGEBYSCORE', queue, '-inf', now_ms, 'LIMIT', 0, max_ids)
local more_due = #due < tonumber(max_ids) and 0 or 1
local jobs = {}
local left = tonumber(max_jobs)
for _, id in ipairs(due) do
  if left == 0 then
    more_due = 1
    break
  end
  if redis.call('SET', lease_prefix .. id, '1', 'NX', 'PX', lease_ms) then
    local starts = starts_prefix .. id
    jobs[#jobs + 1] = id
    jobs[#jobs + 1] = redis.call('GET', job_prefix .. id) or ''
    jobs[#jobs + 1] = redis.call('INCR', starts)
    redis.call('EXPIRE', starts, starts_seconds)
    left = left - 1
  end
end
return {next_due_ms or '-1', more_due, unpack(jobs)}

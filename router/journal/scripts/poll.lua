#!lua flags=allow-oom
local queue = unpack(KEYS)
local lease_ms, token, max_jobs, max_ids, starts_seconds, job_prefix, lease_prefix, starts_prefix =
  unpack(ARGV)
-- Acquires the leases of due jobs for one worker, and counts a start of each, in one round trip;
-- arq takes five for each job. The leases of a worker that ends before it has the reply expire.
-- A leased job is due when its lease ends, so that it does not stand before the others; one that is
-- due earlier (an older router acquired it, or Redis's clock was set back) is moved there.
-- Returns: the ms until the next job is due, -1 if there is none; 1 if more may be due, else 0;
--          then id, record ('' if it is missing), starts and due time of each job.
local now = redis_ms()
local lease_end = now + lease_ms
local left, checks = tonumber(max_jobs), tonumber(max_ids)
local next_due, more_due, leased = -1, 0, 0
local jobs = {}

-- A lease lasts no longer than its owner has asked, unless Redis's clock was set back meanwhile.
local function end_of_lease(lease)
  local lasts = redis.call('PTTL', lease)
  if redis.call('TYPE', lease).ok ~= 'string' then redis.call('DEL', lease) end
  local longest = tonumber(string.match(redis.call('GET', lease) or '', '^(%d+)ms:'))
  if longest and lasts > longest then
    redis.call('PEXPIRE', lease, longest)
    lasts = longest
  end
  return lasts < 0 and lease_end or now + math.max(lasts, 1)
end

repeat
  local first = redis.call('ZRANGE', queue, 0, left, 'WITHSCORES')
  leased = 0
  for at = 1, #first, 2 do
    local id, due_ms = unpack(first, at, at + 1)
    next_due = due_ms - now
    if next_due > 0 then break end
    if left == 0 then
      more_due = 1
      break
    end
    local lease = lease_prefix .. id
    if redis.call('SET', lease, token, 'NX', 'PX', lease_ms) then
      local starts = starts_prefix .. id
      jobs[#jobs + 1] = id
      jobs[#jobs + 1] = run_or_delete('GET', job_prefix .. id) or ''
      local count = redis.pcall('INCR', starts)
      if type(count) ~= 'number' then
        redis.call('SET', starts, 1)
        count = 1
      end
      jobs[#jobs + 1] = count
      jobs[#jobs + 1] = due_ms
      redis.call('EXPIRE', starts, starts_seconds)
      redis.call('ZADD', queue, lease_end, id)
      left = left - 1
    else
      redis.call('ZADD', queue, end_of_lease(lease), id)
      leased = leased + 1
      checks = checks - 1
    end
    next_due = tonumber(lease_ms)
  end
until leased == 0 or left == 0 or checks <= 0
if leased > 0 and left > 0 then more_due = 1 end
return {more_due == 1 and 0 or next_due, more_due, unpack(jobs)}

-- Picks due jobs for one worker: each that nobody holds gets a lease, and one more start is counted. One
-- round trip for the look and for all that is found; arq's own takes five for each job. A worker that ends
-- before it has the answer leaves leases that end by themselves.
-- KEYS: queue
-- ARGV: now ms, lease ms, most, members to look at, seconds for which starts are kept,
--       prefixes of what arq keeps of a job: the job, its lease, its starts
-- Returns: due ms of the next that is not due, -1 where there is none; 1 where more may be due, else 0;
--          then id, job ('' where there is none), starts of each picked
local coming = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[4])
local answer = {coming[2] or '-1', #due < tonumber(ARGV[4]) and 0 or 1}
local left = tonumber(ARGV[3])
for _, id in ipairs(due) do
  if left == 0 then
    answer[2] = 1
    break
  end
  if redis.call('SET', ARGV[7] .. id, '1', 'NX', 'PX', ARGV[2]) then
    local starts = ARGV[8] .. id
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('GET', ARGV[6] .. id) or ''
    answer[#answer + 1] = redis.call('INCR', starts)
    redis.call('EXPIRE', starts, ARGV[5])
    left = left - 1
  end
end
return answer

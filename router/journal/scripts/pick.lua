-- Picks due jobs for one worker: each that nobody holds gets a lease. One round trip for the look and
-- for all that is found; arq's own takes four for each job. A worker that ends before it has the answer
-- leaves leases that end by themselves.
-- KEYS: queue
-- ARGV: now ms, lease ms, most, members to look at, arq's lease prefix
-- Returns: due ms of the next that is not due, -1 where there is none, then id, due ms of each picked
local coming = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
local answer = {coming[2] or '-1'}
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[4])
for i = 1, #due, 2 do
  if #answer > 2 * tonumber(ARGV[3]) then break end
  if redis.call('SET', ARGV[5] .. due[i], '1', 'NX', 'PX', ARGV[2]) then
    answer[#answer + 1] = due[i]
    answer[#answer + 1] = due[i + 1]
  end
end
return answer

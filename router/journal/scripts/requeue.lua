-- Gives arq a job again for open work that has none: looks at one page of open batches or sets.
-- Harmless at any time: work that has its job is left alone, and a job that runs twice is caught
-- by the guards of finish and settle.
-- KEYS: open work (sorted set), queue
-- ARGV: wake channel, now ms, offset, page, job, arq's job prefix, payload prefix
-- Returns: members looked at, jobs given again
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2],
                           'LIMIT', ARGV[3], ARGV[4])
local again = 0
for _, member in ipairs(members) do
  local job = ARGV[6] .. member
  if redis.call('EXISTS', ARGV[7] .. member) == 0 then
    redis.call('ZREM', KEYS[1], member)
  elseif redis.call('EXISTS', job) == 0 or not redis.call('ZSCORE', KEYS[2], member) then
    redis.call('SET', job, ARGV[5])
    redis.call('ZADD', KEYS[2], ARGV[2], member)
    again = again + 1
  end
end
if again > 0 then redis.call('PUBLISH', ARGV[1], '') end
return {#members, again}

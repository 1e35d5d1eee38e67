#!lua flags=allow-oom
local queue = unpack(KEYS)
local lease_ms, lease_prefix, leases = unpack(ARGV)
-- Extends the leases that still have the token of their worker, and the time at which their jobs are
-- due if that worker ends. A lease that has expired is not acquired again, because another worker may
-- have had it meanwhile. Idempotent.
-- Returns: for each lease 1 if it is extended, else 0.
local lease_end = redis_ms() + lease_ms
local renewed = {}
for i, each in ipairs(cmsgpack.unpack(leases)) do
  local id, token = unpack(each)
  local lease = lease_prefix .. id
  if redis.call('GET', lease) == token then
    redis.call('PEXPIRE', lease, lease_ms)
    redis.call('ZADD', queue, 'XX', lease_end, id)
    renewed[i] = 1
  else
    renewed[i] = 0
  end
end
return renewed

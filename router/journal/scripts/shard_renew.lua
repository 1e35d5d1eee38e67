#!lua flags=allow-oom
local leases = KEYS
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Extends leases. Idempotent.
-- Returns: for each lease 1 if the consumer has it, else 0.
local renewed = {}
for i, lease in ipairs(leases) do
  if redis.call('GET', lease) == arguments.consumer then
    redis.call('PEXPIRE', lease, arguments.lease_ms)
    renewed[i] = 1
  else
    renewed[i] = 0
  end
end
return renewed

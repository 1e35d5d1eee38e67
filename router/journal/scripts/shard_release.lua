#!lua flags=allow-oom
local leases = KEYS
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Releases the leases that a consumer has. Idempotent.
-- Returns: the number of leases released.
local released = 0
for _, lease in ipairs(leases) do
  if redis.call('GET', lease) == arguments.consumer then
    released = released + redis.call('DEL', lease)
  end
end
return released

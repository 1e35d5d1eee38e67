#!lua flags=allow-oom
local filling, set, queue, job, lease, starts = unpack(KEYS)
local id, token, usual = unpack(ARGV)
-- Begins the work on a delivery set: it is sealed, and read if it is of usual size. A larger one, and
-- any set of a digest, is read in pages afterwards. If there is no such set, its job ends. Idempotent.
-- Returns: id and record of each delivery; the number of deliveries of a set that was not read; -1,
--          unchanged, if the caller has a token that is not that of the lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
seal(filling, id)
local count = redis.call('HLEN', set)
if count > tonumber(usual) then return count end
if count == 0 then end_job(id, queue, job, lease, starts) end
return redis.call('HGETALL', set)

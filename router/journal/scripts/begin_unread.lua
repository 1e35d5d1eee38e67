#!lua flags=allow-oom
local filling, set, queue, job, lease, starts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Begins the work on a delivery set whose records are not to be read: it is sealed, and some of its
-- deliveries are listed, in the order in which its pages have them. If there is no such set, its job
-- ends. Idempotent.
-- Returns: the ids of the deliveries; -1, unchanged, if the caller has a token that is not that of the
--          lease.
if arguments.token ~= '' and redis.call('GET', lease) ~= arguments.token then return -1 end
seal(filling, arguments.id)
local count = redis.call('HLEN', set)
if count == 0 then end_job(arguments.id, queue, job, lease, starts) end
if count <= arguments.count then return redis.call('HKEYS', set) end
local ids, cursor = {}, '0'
repeat
  -- Few at once, because their records come with them.
  local following, records = unpack(redis.call('HSCAN', set, cursor, 'COUNT', 10))
  for i = 1, #records, 2 do ids[#ids + 1] = records[i] end
  cursor = following
until cursor == '0' or #ids >= arguments.count
return ids

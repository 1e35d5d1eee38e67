#!lua flags=allow-oom
local records, index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Deletes records from a hash and its index, and counts them. Idempotent.
-- Returns: the number of records deleted.
local deleted = 0
for _, member in ipairs(arguments.members) do
  deleted = deleted + redis.call('HDEL', records, member)
  redis.call('ZREM', index, member)
end
if deleted == 0 then return 0 end
if arguments.decreased then redis.call('HINCRBY', ledger, arguments.decreased, -deleted) end
redis.call('HINCRBY', ledger, arguments.increased, deleted)
return deleted

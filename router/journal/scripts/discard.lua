#!lua flags=allow-oom
local records, index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Deletes records from a hash and its index, and counts them. Idempotent.
-- Returns: the number of records deleted.
local deleted = 0
for _, member in ipairs(arguments.members) do
  local record = redis.call('HGET', records, member)
  if record then
    redis.call('HDEL', records, member)
    end_reference(record)
    deleted = deleted + 1
  end
  redis.call('ZREM', index, member)
end
if deleted == 0 then return 0 end
if arguments.decreased then add_to(ledger, arguments.decreased, -deleted) end
add_to(ledger, arguments.increased, deleted)
return deleted

-- Begins the work on a timer or set: nothing more goes into it from now on, so that whoever runs it
-- again finds the same, and what it holds is read. Where there is nothing, its job ends here. Idempotent.
-- KEYS: filling, record, queue, then what arq keeps of its job
-- ARGV: id, then the command that reads the record, and its arguments
-- Returns: what the command does
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('DEL', KEYS[1]) end
local found = redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
if not found or #found == 0 then
  redis.call('DEL', unpack(KEYS, 4))
  redis.call('ZREM', KEYS[3], ARGV[1])
end
return found

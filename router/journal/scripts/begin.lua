-- Begins the work on a batch or set: nothing more goes into it from now on, so that whoever runs it
-- again finds the same, and what it holds is read. Idempotent.
-- KEYS: filling, record
-- ARGV: id, then the command that reads the record, and its arguments
-- Returns: what the command does
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))

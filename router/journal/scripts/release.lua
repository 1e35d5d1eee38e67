-- Lays a job back that has ended and left something to do: it is nobody's, and due after a while. That it
-- was started is forgotten, for no process ended at it. One that has ended for good meanwhile stays so.
-- Idempotent.
-- KEYS: queue, lease, starts
-- ARGV: id, due ms, '' as it was
redis.call('DEL', KEYS[2], KEYS[3])
if ARGV[2] ~= '' then redis.call('ZADD', KEYS[1], 'XX', ARGV[2], ARGV[1]) end

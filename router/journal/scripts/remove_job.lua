-- Drops a job that names no work of ours. Idempotent.
-- KEYS: queue, then what arq keeps of the job
-- ARGV: id
redis.call('DEL', unpack(KEYS, 2))
redis.call('ZREM', KEYS[1], ARGV[1])

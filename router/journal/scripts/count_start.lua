#!lua flags=allow-oom
local crash_counts = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Counts the start of a piece of work. The hash expires, because a job may never be run again.
-- Returns: the starts of the piece that have no end, this one included.
local count = redis.call('HINCRBY', crash_counts, arguments.piece, 1)
redis.call('EXPIRE', crash_counts, arguments.seconds)
return count

#!lua flags=allow-oom
local pauses = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Pauses a destination. A script, because a destination is paused when its deliveries fill Redis.
-- Returns: 1; 0 if it is paused already.
return redis.call('HSETNX', pauses, arguments.destination, arguments.record)

#!lua flags=allow-oom
local pauses = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Pauses a destination, or ends its pause if there is no new record. A script, because a destination
-- is paused when its deliveries fill Redis.
-- Returns: 1; 0, unchanged, if its pause is another one than the known one.
if (redis.call('HGET', pauses, arguments.destination) or '') ~= arguments.known then return 0 end
if arguments.record == '' then
  return redis.call('HDEL', pauses, arguments.destination)
end
redis.call('HSET', pauses, arguments.destination, arguments.record)
return 1

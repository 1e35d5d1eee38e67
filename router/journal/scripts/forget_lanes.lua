#!lua flags=allow-oom
local ages = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Forgets some of the lanes that were last used before a time. One that is in use is as if used now.
-- Returns: the number of lanes that were found.
local now_ms = clock_ms(arguments.set_ms)
local old = write('ZRANGEBYSCORE', ages, '-inf', now_ms - arguments.lasts_ms, 'LIMIT', 0, arguments.count)
for _, key in ipairs(old) do
  if not forget_lane(key) then redis.call('ZADD', ages, now_ms, key) end
end
return #old

#!lua flags=allow-oom
local in_use = unpack(KEYS)
local member, former, lasts_ms, set_ms = unpack(ARGV)
-- Records that a process uses some rules, in place of those that it used before. What was not recorded again
-- for so long is deleted, and all of it if nothing is.
local now = clock_ms(set_ms)
if former ~= '' then redis.pcall('ZREM', in_use, former) end
write('ZADD', in_use, now, member)
redis.call('ZREMRANGEBYSCORE', in_use, '-inf', now - lasts_ms)
redis.call('PEXPIRE', in_use, lasts_ms)

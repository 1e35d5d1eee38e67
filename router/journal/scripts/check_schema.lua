#!lua flags=allow-oom
local schema = unpack(KEYS)
local version = unpack(ARGV)
-- Records that a router of this schema version writes to this Redis, unless a router of a later one
-- did. What is no version is replaced. Idempotent.
-- Returns: the version that is recorded now.
local found = tonumber(run_or_delete('GET', schema) or '')
version = tonumber(version)
if found and found > version then return found end
if found ~= version then redis.call('SET', schema, string.format('%d', version)) end
return version

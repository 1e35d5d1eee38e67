#!lua flags=allow-oom
local health_check, queue = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Writes arq's health check of a queue. A script, because a Redis without memory rejects the command,
-- and the worker that drains it would end by that.
local line = arguments.line .. redis.call('ZCARD', queue)
redis.call('PSETEX', health_check, arguments.lasts_ms, line)

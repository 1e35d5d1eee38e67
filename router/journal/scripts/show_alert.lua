local shown, ages = unpack(KEYS)
local alert_key, prefix, alert, raised_ms, status, told_field, lasts_ms, limit, set_ms = unpack(ARGV)
-- Records what the page of an alert key shows: the alert that people were told of last, since when it
-- has its status, and what a destination was told. An earlier alert does not replace a later one. The
-- oldest of too many are deleted; those that have expired are among them.
local latest = tonumber(run_or_delete('HGET', shown, 'raised') or -1)
if tonumber(raised_ms) >= latest then
  if redis.call('HGET', shown, 'status') ~= status then redis.call('HSET', shown, 'since', raised_ms) end
  redis.call('HSET', shown, 'alert', alert, 'raised', raised_ms, 'status', status)
  if told_field ~= '' then redis.call('HSET', shown, told_field, status) end
end
redis.call('PEXPIRE', shown, lasts_ms)
write('ZADD', ages, clock_ms(set_ms), alert_key)
if redis.call('ZCARD', ages) > tonumber(limit) then
  for _, oldest in ipairs(redis.call('ZRANGE', ages, 0, 1)) do
    redis.call('DEL', prefix .. oldest)
    redis.call('ZREM', ages, oldest)
  end
end

local shown = unpack(KEYS)
local alert, raised_ms, status, told_field, lasts_ms = unpack(ARGV)
-- Records what the page of an alert key shows: the alert that people were told of last, since when it
-- has its status, and what a destination was told. An earlier alert does not replace a later one.
local latest = tonumber(run_or_delete('HGET', shown, 'raised') or -1)
if tonumber(raised_ms) >= latest then
  if redis.call('HGET', shown, 'status') ~= status then redis.call('HSET', shown, 'since', raised_ms) end
  redis.call('HSET', shown, 'alert', alert, 'raised', raised_ms, 'status', status)
  if told_field ~= '' then redis.call('HSET', shown, told_field, status) end
end
redis.call('PEXPIRE', shown, lasts_ms)

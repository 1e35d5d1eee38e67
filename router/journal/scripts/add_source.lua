#!lua flags=allow-oom
local writer, counts, refusals = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds what a process has counted of a source, and its latest refusals. Guarded by the number of the
-- addition: a second run of it, after a reply that was lost, adds nothing.
-- Returns: 1; 0 if it was added before.
local now_ms = clock_ms(arguments.set_ms)

-- A count that is no number begins again.
local function add(field, amount)
  if amount == 0 then return end
  local reply = redis.pcall('HINCRBY', counts, field, amount)
  if type(reply) == 'table' and reply.err then redis.call('HSET', counts, field, amount) end
end

-- Processes write in any order, so the latest time stays; but one of before the clock was set back
-- does not.
local function note_time(field, at_ms)
  local known = tonumber(redis.call('HGET', counts, field) or '') or 0
  if at_ms > known or known > now_ms then
    redis.call('HSET', counts, field, string.format('%.0f', at_ms))
  end
end

if arguments.number <= (tonumber(run_or_delete('HGET', writer, arguments.source) or '') or 0) then
  return 0
end
redis.call('HSET', writer, arguments.source, arguments.number)
redis.call('EXPIRE', writer, arguments.writer_seconds)
write('HSETNX', counts, 'since', string.format('%.0f', now_ms))
add('accepted', arguments.accepted)
add('quarantined', arguments.quarantined)
add('skipped', arguments.skipped)
add('refused', arguments.refused)
if arguments.accepted_ms > 0 then note_time('accepted_at', arguments.accepted_ms) end
if arguments.refused_ms > 0 then note_time('refused_at', arguments.refused_ms) end
if #arguments.refusals > 0 then
  write('LPUSH', refusals, unpack(arguments.refusals))
  redis.call('LTRIM', refusals, 0, arguments.limit - 1)
end
redis.call('EXPIRE', counts, arguments.lasts_seconds)
redis.call('EXPIRE', refusals, arguments.lasts_seconds)
return 1

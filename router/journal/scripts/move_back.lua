#!lua flags=allow-oom
local moves = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves one page of what set_back.lua has set aside to its own sorted set, with earlier due times, the
-- earliest first. What was added there meanwhile keeps its time if that is earlier. Idempotent: each
-- page is moved once, whichever process moves it.
-- Returns: the number of sorted sets that are set aside still.
local aside, back_ms = unpack(write('HRANDFIELD', moves, 1, 'WITHVALUES'))
if not aside then return 0 end
local due_times = string.match(aside, '^(.*):set%-back:%d+$')
if not due_times or not tonumber(back_ms) then
  redis.call('HDEL', moves, aside)
  return redis.call('HLEN', moves)
end
local page = write('ZRANGE', aside, 0, arguments.count - 1, 'WITHSCORES')
for at = 1, #page, 2 do
  local id, due_ms = unpack(page, at, at + 1)
  write('ZADD', due_times, 'LT', due_ms - back_ms, id)
end
redis.call('ZREMRANGEBYRANK', aside, 0, arguments.count - 1)
if redis.call('EXISTS', aside) == 0 then redis.call('HDEL', moves, aside) end
redis.call('PUBLISH', arguments.wake_prefix .. due_times, '')
return redis.call('HLEN', moves)

#!lua flags=allow-oom
local open_sets, queue = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Makes a page of the sets of a destination that wait for their next attempt due now, but not those of a
-- digest, which is sent at its time; and lets its workers try its circuit. Idempotent.
-- Returns: the number of sets in the page, the number of those that are due now.
local now_ms = clock_ms(arguments.set_ms)
local page = redis.call('ZRANGEBYSCORE', open_sets, string.format('%.0f', now_ms + 1), '+inf',
                        'LIMIT', arguments.offset, arguments.count)
local moved = 0
for _, id in ipairs(page) do
  if string.sub(id, 1, #arguments.digest_prefix) ~= arguments.digest_prefix then
    redis.call('ZADD', open_sets, 'XX', now_ms, id)
    redis.call('ZADD', queue, 'XX', now_ms, id)
    moved = moved + 1
  end
end
redis.call('PUBLISH', arguments.wake_channel, arguments.message)
return {#page, moved}

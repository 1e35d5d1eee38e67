#!lua flags=allow-oom
local open_work, queue = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Enqueues a job for open work that has none, in one page of the open batches, timers or sets that
-- are due. Work that has its job is left alone, and the guards of finish and settle make a second run
-- of a job harmless. Idempotent.
-- Returns: the number of members checked, the number of jobs enqueued.
local now_ms = clock_ms(arguments.set_ms)
-- By rank, because an offset among scores costs as many steps.
local page = redis.call('ZRANGE', open_work, arguments.offset, arguments.offset + arguments.count - 1,
                        'WITHSCORES')
local checked, enqueued = 0, 0
for i = 1, #page, 2 do
  local member, due_ms = unpack(page, i, i + 1)
  if tonumber(due_ms) > now_ms then break end
  checked = checked + 1
  local job = arguments.job_prefix .. member
  if redis.call('EXISTS', arguments.record_prefix .. member) == 0 then
    redis.call('ZREM', open_work, member)
  elseif redis.call('EXISTS', job) == 0 or not redis.call('ZSCORE', queue, member) then
    redis.call('SET', job, arguments.job_record)
    redis.call('ZADD', queue, now_ms, member)
    enqueued = enqueued + 1
  end
end
if enqueued > 0 then redis.call('PUBLISH', arguments.wake_channel, '') end
return {checked, enqueued}

local record, timers, queue, job = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Sets a timer that no event and no timer causes, due now, unless it is set. Idempotent.
-- Returns: 1; 0, unchanged, if it is set.
if redis.call('EXISTS', record) == 1 then return 0 end
redis.call('SET', record, arguments.record)
enqueue(arguments.id, clock_ms(arguments.set_ms), timers, queue, job, arguments.job_record,
        arguments.wake_channel)
return 1

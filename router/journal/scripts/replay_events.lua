local batch, digests, open_batches, queue, job, ledger = unpack(KEYS)
local batch_id, set_ms, job_record, wake_channel, payload, events = unpack(ARGV)
-- Accepts events of history again, as one batch. Their claims are given with it, or each would be a
-- duplicate of itself. A batch with this id is left alone. Idempotent.
-- The largest write is the first one, because a Redis that is out of memory rejects only that one.
-- Returns: the number of events accepted.
if redis.call('EXISTS', batch) == 1 then return 0 end
redis.call('RPUSH', batch, payload)
redis.call('SET', digests, string.rep('1', tonumber(events)))
add_to(ledger, 'accepted', events)
enqueue(batch_id, clock_ms(set_ms), open_batches, queue, job, job_record, wake_channel)
return tonumber(events)

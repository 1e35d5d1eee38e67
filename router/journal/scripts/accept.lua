local batch, open_batches, queue, job, filling, identities, quarantine, quarantine_index, ledger =
  unpack(KEYS)
local batch_id, set_ms, wake_channel, job_record, payload, events, weight, max_weight, batch_prefix,
  identities_prefix, digests, digests_seconds, malformed = unpack(ARGV)
-- Makes one commit of ingress durable. A batch whose job has not begun takes further commits up to
-- its limit, so that there are as many jobs as workers begin, and not as many as there are commits.
-- If there is no such batch, a new one is opened with its job. Malformed input goes to quarantine.
--
-- Not idempotent, so never repeated: after a lost reply the sender gets 503 and sends again, and
-- the duplicates are dropped when the batch is evaluated.
--
-- Returns: the count of accepted events after it; nil if it has none, and malformed input only.
--
-- The largest write is the first one, because a Redis that is out of memory rejects only that one.
local accepted
if tonumber(events) > 0 then
  local filling_id, filled = unpack(redis.call('HMGET', filling, 'id', 'weight'))
  local total = (tonumber(filled) or 0) + tonumber(weight)
  if filling_id and total <= tonumber(max_weight)
      and redis.call('RPUSHX', batch_prefix .. filling_id, payload) > 0 then
    redis.call('HSET', filling, 'weight', total)
    redis.call('APPEND', identities_prefix .. filling_id, digests)
  else
    redis.call('RPUSH', batch, payload)
    redis.call('SET', identities, digests, 'EX', digests_seconds)
    redis.call('HSET', filling, 'id', batch_id, 'weight', weight)
    enqueue(batch_id, clock_ms(set_ms), open_batches, queue, job, job_record, wake_channel)
  end
  accepted = redis.call('HINCRBY', ledger, 'accepted', events)
end
if malformed == '' then return accepted end
local now_ms = clock_ms(set_ms)
for _, item in ipairs(cmsgpack.unpack(malformed)) do
  local id, record = unpack(item)
  redis.call('HSET', quarantine, id, record)
  redis.call('ZADD', quarantine_index, now_ms, id)
  redis.call('HINCRBY', ledger, 'malformed', 1)
end
return accepted

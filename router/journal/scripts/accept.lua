local batch, open_batches, queue, job, filling, digests_key, quarantine, quarantine_index, ledger =
  unpack(KEYS)
local batch_id, set_ms, wake_channel, job_record, payload, events, weight, max_weight, batch_prefix,
  digests_prefix, digests, digests_seconds, malformed = unpack(ARGV)
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
  local filling_id, filled = unpack(run_or_delete('HMGET', filling, 'id', 'weight'))
  local total = (tonumber(filled) or 0) + tonumber(weight)
  local length = filling_id and total <= tonumber(max_weight)
    and redis.pcall('RPUSHX', batch_prefix .. filling_id, payload)
  if is_wrong_type(length) then length = 0 end
  if type(length) == 'table' and length.err then return length end
  if length and length > 0 then
    redis.call('HSET', filling, 'weight', total)
    local stored = digests_prefix .. filling_id
    -- It did not exist if an older router opened the batch.
    if run_or_delete('APPEND', stored, digests) == #digests then
      redis.call('EXPIRE', stored, digests_seconds)
    end
  else
    redis.call('RPUSH', batch, payload)
    redis.call('SET', digests_key, digests, 'EX', digests_seconds)
    enqueue(batch_id, clock_ms(set_ms), open_batches, queue, job, job_record, wake_channel)
    -- The last, so that no commit joins a batch without a job.
    redis.call('HSET', filling, 'id', batch_id, 'weight', weight)
  end
  accepted = add_to(ledger, 'accepted', events)
end
if malformed == '' then return accepted end
local now_ms = clock_ms(set_ms)
for _, item in ipairs(cmsgpack.unpack(malformed)) do
  local id, record = unpack(item)
  write('HSET', quarantine, id, record)
  write('ZADD', quarantine_index, now_ms, id)
  add_to(ledger, 'malformed', 1)
end
return accepted

#!lua flags=allow-oom
local filling, batch, identities, parts, queue, job, lease, starts = unpack(KEYS)
local batch_id, token, claim_seconds, seen_prefix = unpack(ARGV)
-- Begins the work on a batch: it is sealed and read, and its events are claimed. A rerun finds the
-- id of its own batch, and so recognises its own claims. If there is no such batch, its job ends.
-- Idempotent.
-- Returns: the payloads; for each identity 1 if the batch may evaluate the event, 0 if another
--          batch has claimed it; how many parts of the batch are finished. -1, unchanged, if the
--          caller has a token that is not that of the lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
seal(filling, batch_id)
local payloads = redis.call('LRANGE', batch, 0, -1)
if #payloads == 0 then
  end_job(batch_id, queue, job, lease, starts)
  return {payloads, '', '0'}
end
local digests = run_or_delete('GET', identities) or ''
local claims = {}
for at = 1, #digests, 32 do
  local seen = seen_prefix .. string.sub(digests, at, at + 31)
  local claimed_by = redis.call('SET', seen, batch_id, 'NX', 'GET', 'EX', claim_seconds)
  claims[#claims + 1] = (not claimed_by or claimed_by == batch_id) and '1' or '0'
end
return {payloads, table.concat(claims), redis.call('GET', parts) or '0'}

local quarantine, quarantine_index, batch, digests, open_batches, queue, job, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Accepts quarantined events again, as one batch, and deletes them from quarantine. Guarded by the
-- record of each: if two operators replay the same one, the second moves nothing. An event that was
-- claimed before is given its claim, or it would be a duplicate of itself; the others are claimed when
-- the batch begins. The older form of a claim is deleted, for older workers.
-- A record may become several events, or none: a request of a source that its mapping cuts, or skips.
-- The largest write is the first one, because a Redis that is out of memory rejects only that one.
-- Returns: the number of records that left the quarantine.
local accepted, replayed, results = 0, 0, {}
for _, event in ipairs(arguments.events) do
  local id, claimed_by, seen, payload, count = unpack(event)
  if redis.call('HEXISTS', quarantine, id) == 1 then
    if count > 0 then redis.call('RPUSH', batch, payload) end
    redis.call('HDEL', quarantine, id)
    redis.call('ZREM', quarantine_index, id)
    if claimed_by == '*' or (claimed_by ~= '' and redis.call('GET', seen) == claimed_by) then
      redis.call('DEL', seen)
    end
    replayed = replayed + 1
    for _ = 1, count do
      accepted = accepted + 1
      results[accepted] = claimed_by == '' and '?' or '1'
    end
  end
end
if replayed == 0 then return 0 end
add_to(ledger, arguments.replayed_field, replayed)
if accepted == 0 then return replayed end
redis.call('SET', digests, table.concat(results))
add_to(ledger, 'accepted', accepted)
enqueue(arguments.batch_id, clock_ms(arguments.set_ms), open_batches, queue, job, arguments.job_record,
        arguments.wake_channel)
return replayed

local quarantine, quarantine_index, batch, open_batches, queue, job, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Accepts quarantined events again, as one batch, and deletes them from quarantine. Guarded by the
-- record of each: if two operators replay the same one, the second moves nothing. The claim of the
-- batch that quarantined an event is deleted, or the event would be a duplicate of itself. A claim
-- of another batch stays. A timer does not know the batch: '*' deletes any claim.
-- The largest write is the first one, because a Redis that is out of memory rejects only that one.
-- Returns: the number of events accepted.
local accepted = 0
for _, event in ipairs(arguments.events) do
  local id, claimed_by, seen, payload = unpack(event)
  if redis.call('HEXISTS', quarantine, id) == 1 then
    redis.call('RPUSH', batch, payload)
    redis.call('HDEL', quarantine, id)
    redis.call('ZREM', quarantine_index, id)
    if claimed_by == '*' or (claimed_by ~= '' and redis.call('GET', seen) == claimed_by) then
      redis.call('DEL', seen)
    end
    accepted = accepted + 1
  end
end
if accepted == 0 then return 0 end
add_to(ledger, 'accepted', accepted)
add_to(ledger, arguments.replayed_field, accepted)
enqueue(arguments.batch_id, clock_ms(arguments.set_ms), open_batches, queue, job, arguments.job_record,
        arguments.wake_channel)
return accepted

#!lua flags=allow-oom
local batch, open_batches, digests, identities, quarantine, quarantine_index, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Replaces a commit of a batch by the events of it that can be read, and moves the others to
-- quarantine. The results of the claims are replaced by those of the events that remain.
-- Idempotent: a commit that is no longer in the batch was replaced before.
-- Returns: 1; 0 if the commit is not in the batch.
if redis.call('LREM', batch, 1, arguments.commit) == 0 then return 0 end
if arguments.readable ~= '' then redis.call('RPUSH', batch, arguments.readable) end
if redis.call('EXISTS', batch) == 0 then redis.call('ZREM', open_batches, arguments.batch_id) end
redis.call('DEL', identities)
if arguments.claims == '' then
  redis.call('DEL', digests)
else
  redis.call('SET', digests, arguments.claims, 'KEEPTTL')
end
for _, item in ipairs(arguments.items) do
  local id, record = unpack(item)
  write('HSET', quarantine, id, record)
  write('ZADD', quarantine_index, clock_ms(arguments.set_ms), id)
end
add_to(ledger, 'quarantined', arguments.events)
-- One item may stand for several events, of which no others will be replayed or discarded.
local without_item = arguments.events - #arguments.items
if without_item > 0 then add_to(ledger, 'quarantine_discarded', without_item) end
return 1

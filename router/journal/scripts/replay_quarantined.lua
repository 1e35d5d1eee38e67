-- Accepts quarantined events anew, as one batch, and takes them out of quarantine. Guarded by each
-- record's existence: of two who replay the same one wins, the other moves nothing. The claim of
-- the batch that put an event into quarantine is lifted, or it would now be a duplicate of itself;
-- a claim of any other batch stands. A timer does not know the batch, and lifts whichever claim.
-- KEYS: quarantine, quarantine index, batch, batches, job, queue, ledger, then seen for each
-- ARGV: batch id, now ms, job, wake channel, ledger field,
--       then quarantine id, claiming batch, event for each
-- Returns: how many were moved
local events = {}
for i = 6, #ARGV, 3 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then events[#events + 1] = ARGV[i + 2] end
end
if #events == 0 then return 0 end
-- A msgpack array of what is msgpack already: its header, then the elements.
local header
if #events < 16 then
  header = string.char(0x90 + #events)
else
  header = string.char(0xdc, math.floor(#events / 256), #events % 256)
end
redis.call('RPUSH', KEYS[3], header .. table.concat(events))
for i = 6, #ARGV, 3 do
  if redis.call('HDEL', KEYS[1], ARGV[i]) == 1 then
    redis.call('ZREM', KEYS[2], ARGV[i])
    local seen = KEYS[8 + (i - 6) / 3]
    local claimed = ARGV[i + 1]
    if claimed == '*' or (claimed ~= '' and redis.call('GET', seen) == claimed) then
      redis.call('DEL', seen)
    end
  end
end
redis.call('ZADD', KEYS[4], ARGV[2], ARGV[1])
redis.call('SET', KEYS[5], ARGV[3])
redis.call('ZADD', KEYS[6], ARGV[2], ARGV[1])
redis.call('HINCRBY', KEYS[7], 'accepted', #events)
redis.call('HINCRBY', KEYS[7], ARGV[5], #events)
redis.call('PUBLISH', ARGV[4], '')
return #events

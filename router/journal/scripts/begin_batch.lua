-- Begins the work on a batch: nothing more goes into it from now on, so that whoever runs it again finds
-- the same; what it holds is read, and its events are claimed: 1 where the batch may judge the event, 0
-- where another batch did. A rerun finds its own id and so recognises its own claims. Where there is
-- nothing, its job ends here. Idempotent.
-- KEYS: filling, batch, identities, queue, then what arq keeps of its job
-- ARGV: id, seconds to remember, prefix of seen
-- Returns: what the batch holds, and a 1 or 0 for each of its identities
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then redis.call('DEL', KEYS[1]) end
local held = redis.call('LRANGE', KEYS[2], 0, -1)
if #held == 0 then
  redis.call('DEL', unpack(KEYS, 5))
  redis.call('ZREM', KEYS[4], ARGV[1])
  return {held, ''}
end
local identities = redis.call('GET', KEYS[3]) or ''
local mine = {}
for at = 1, #identities, 32 do
  local seen = ARGV[3] .. string.sub(identities, at, at + 31)
  local holder = redis.call('SET', seen, ARGV[1], 'NX', 'GET', 'EX', ARGV[2])
  mine[#mine + 1] = (not holder or holder == ARGV[1]) and '1' or '0'
end
return {held, table.concat(mine)}

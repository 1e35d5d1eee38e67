-- Claims events for a batch: 1 where the batch may judge the event, 0 where another batch did.
-- For batches that do not say which events they hold: an older router's, a replay's. A rerun of the same
-- batch finds its own id and so recognises its own claims.
-- KEYS: seen, one for each event
-- ARGV: batch id, seconds to remember
local mine = {}
for i, key in ipairs(KEYS) do
  local holder = redis.call('SET', key, ARGV[1], 'NX', 'GET', 'EX', ARGV[2])
  if not holder or holder == ARGV[1] then mine[i] = 1 else mine[i] = 0 end
end
return mine

#!lua flags=allow-oom
local seen = KEYS
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Claims events for a batch whose identities are not stored: that of an older router, or of a
-- replay. A rerun finds the id of its own batch, and so recognises its own claims.
-- Returns: for each event 1 if the batch may evaluate it, 0 if another batch has claimed it.
local claims = {}
for i, key in ipairs(seen) do
  local claimed_by = redis.call('SET', key, arguments.batch_id, 'NX', 'GET', 'EX', arguments.seconds)
  claims[i] = (not claimed_by or claimed_by == arguments.batch_id) and 1 or 0
end
return claims

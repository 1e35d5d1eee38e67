local probe, epoch, ledger = unpack(KEYS)
local epoch_id, commands = unpack(ARGV)
-- Writes to Redis as accept does, so that its error is the one that an event would get: of a replica,
-- of a full or unwritable disk, of missing replicas, of missing memory. Gives the store its epoch if
-- it has none, because an empty store is a new one.
-- Returns: the epoch, the count of accepted events, and the positions, from 0, of the commands that the
-- user may not run, and of those that this Redis does not know. None of those is run. If there is one, nothing
-- is written and the epoch is '', because the error of a command in a script does not name it.
local denied, unknown = {}, {}
for position, command in ipairs(cmsgpack.unpack(commands)) do
  local is_known, is_permitted = pcall(redis.acl_check_cmd, unpack(command))
  if not is_known then
    table.insert(unknown, position - 1)
  elseif not is_permitted then
    table.insert(denied, position - 1)
  end
end
if #denied + #unknown > 0 then return {'', '0', denied, unknown} end
local time = redis.call('TIME')
redis.call('SET', probe, time[1])
run_or_delete('GET', epoch)
redis.call('SET', epoch, time[1] .. '-' .. epoch_id, 'NX')
local accepted = redis.pcall('HGET', ledger, 'accepted')
if type(accepted) ~= 'string' or not tonumber(accepted) then accepted = '0' end
return {redis.call('GET', epoch), accepted, denied, unknown}

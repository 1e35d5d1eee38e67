local probe, epoch, ledger = unpack(KEYS)
local epoch_id, commands, wake_channel = unpack(ARGV)
-- Writes to Redis as accept does, so that its error is the one that an event would get: of a replica,
-- of a full or unwritable disk, of missing replicas, of missing memory. Gives the store its epoch if
-- it has none, because an empty store is a new one.
-- Returns: the epoch, the count of accepted events, and the commands that the user may not run.
local forbidden = {}
for command in string.gmatch(commands, '%S+') do
  -- An argument too many does not matter, because only the user's rights are compared.
  local key = command == 'PUBLISH' and wake_channel or probe
  if not redis.acl_check_cmd(command, key, '0', '0') then table.insert(forbidden, command) end
end
local time = redis.call('TIME')
redis.call('SET', probe, time[1])
run_or_delete('GET', epoch)
redis.call('SET', epoch, time[1] .. '-' .. epoch_id, 'NX')
local accepted = redis.pcall('HGET', ledger, 'accepted')
if type(accepted) ~= 'string' or not tonumber(accepted) then accepted = '0' end
return {redis.call('GET', epoch), accepted, table.concat(forbidden, ' ')}

-- Functions about the rights of the user who runs a script.
-- router/journal/script.py puts this file before each script that uses one of them.

-- Returns the positions, from 0, of the commands that the user may not run. None of them is run. One that
-- this Redis does not know is left out.
local function denied_commands(commands)
  local denied = {}
  for position, command in ipairs(commands) do
    local is_known, is_permitted = pcall(redis.acl_check_cmd, unpack(command))
    if is_known and not is_permitted then table.insert(denied, position - 1) end
  end
  return denied
end


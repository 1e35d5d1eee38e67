local alerts = KEYS
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Reads alerts that are stored by themselves.
-- Returns: for each key the alert of each field, nil if it is gone.
local found = {}
for at, key in ipairs(alerts) do
  found[at] = redis.call('HMGET', key, unpack(arguments.fields[at]))
end
return found

#!lua flags=allow-oom
local names = KEYS
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves keys of the schema that have another type aside, because every transaction that uses one
-- fails. What they contained can be restored by hand for some time. Idempotent.
-- Returns: the name and type of each key that was moved.
local moved = {}
for at, name in ipairs(names) do
  local kind = redis.call('TYPE', name).ok
  if kind ~= 'none' and kind ~= arguments.types[at] then
    redis.call('RENAME', name, arguments.prefix .. name)
    redis.call('EXPIRE', arguments.prefix .. name, arguments.seconds)
    redis.call('HINCRBY', arguments.counts, 'key', 1)
    moved[#moved + 1] = name
    moved[#moved + 1] = kind
  end
end
return moved

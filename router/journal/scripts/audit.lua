#!lua flags=allow-oom
local stream, other_stream = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds an entry to one of the two streams of the audit trail, and drops its oldest one above the
-- limit. The id is the time; it is later than each id of both streams, so that a page of both has
-- one order and one cursor.
-- Returns: the id.
local function newest(of)
  local found = redis.pcall('XREVRANGE', of, '+', '-', 'COUNT', 1)
  if found.err or not found[1] then return 0, 0 end
  local ms, number = string.match(found[1][1], '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(number)
end

local ms, number = clock_ms(arguments.set_ms), 0
for _, of in ipairs({stream, other_stream}) do
  local latest_ms, latest = newest(of)
  if latest_ms > ms then ms, number = latest_ms, latest + 1
  elseif latest_ms == ms then number = math.max(number, latest + 1) end
end
local id = string.format('%.0f-%.0f', ms, number)
write('XADD', stream, 'MAXLEN', arguments.limit, id, 'entry', arguments.entry)
return id

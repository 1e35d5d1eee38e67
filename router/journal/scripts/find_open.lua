local open_sets, waiting = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Searches the delivery with an id among a page of a destination's open sets, and in its lanes.
-- Returns: its record, its set (empty if it waits in a lane) and the due time of that; nothing if it is
--          not there; the number of sets that were searched.
local record = redis.call('HGET', waiting, arguments.delivery_id)
if record then return {record, '', '0', 0} end
local last = arguments.start + arguments.count - 1
local sets = redis.call('ZRANGE', open_sets, arguments.start, last, 'WITHSCORES')
for at = 1, #sets, 2 do
  local found = redis.pcall('HGET', arguments.set_prefix .. sets[at], arguments.delivery_id)
  if type(found) == 'string' then return {found, sets[at], sets[at + 1], #sets / 2} end
end
return {'', '', '0', #sets / 2}

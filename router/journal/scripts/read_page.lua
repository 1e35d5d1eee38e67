local index = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Reads one page of an index, after a cursor. If the cursor's member is gone, the page begins at
-- the cursor's time; members of the same millisecond are ordered by name, as the index orders them.
-- Returns: member and time of each.
local newest_first = arguments.newest_first
local after, after_ms = arguments.after, arguments.after_ms
local rank_command = newest_first and 'ZREVRANK' or 'ZRANK'
local range_command = newest_first and 'ZREVRANGE' or 'ZRANGE'

-- The number of members that come before a time, in the order of the page.
local function before(time)
  if newest_first then return redis.call('ZCOUNT', index, '(' .. time, '+inf') end
  return redis.call('ZCOUNT', index, '-inf', '(' .. time)
end

local start
if after == '' then
  start = before(newest_first and arguments.last or arguments.first)
else
  local rank = redis.call(rank_command, index, after)
  if rank then
    start = rank + 1
  else
    -- A binary search among the members of that millisecond.
    start = before(after_ms)
    local high = start + redis.call('ZCOUNT', index, after_ms, after_ms)
    while start < high do
      local middle = math.floor((start + high) / 2)
      local member = unpack(redis.call(range_command, index, middle, middle))
      local is_before
      if newest_first then is_before = member > after else is_before = member < after end
      if is_before then start = middle + 1 else high = middle end
    end
  end
end
local page =
  redis.call(range_command, index, start, start + arguments.count - 1, 'WITHSCORES')
local first, last = tonumber(arguments.first), tonumber(arguments.last)
local kept = {}
for i = 1, #page, 2 do
  local member, time = unpack(page, i, i + 1)
  local at = tonumber(time)
  -- tonumber gives nil for '-inf' and '+inf'.
  if (not first or at >= first) and (not last or at <= last) then
    kept[#kept + 1] = member
    kept[#kept + 1] = time
  end
end
return kept

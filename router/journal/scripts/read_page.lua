-- One page of an index. The cursor's member may be gone by now; then its time says where to go on,
-- and those of the very same millisecond are told apart by their names, as the index orders them.
-- KEYS: index
-- ARGV: cursor member and time ('' for the beginning), count, lowest and highest time,
--       1 for the newest first
-- Returns: member, time for each
local newest = ARGV[6] == '1'
local count = tonumber(ARGV[3])
local start
if ARGV[1] == '' then
  start = newest and redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[5], '+inf')
                  or redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[4])
else
  local rank = redis.call(newest and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[1])
  if rank then
    start = rank + 1
  else
    start = newest and redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[2], '+inf')
                    or redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2])
    -- Halve the members of that millisecond until the one that would follow is found.
    local low, high = start, start + redis.call('ZCOUNT', KEYS[1], ARGV[2], ARGV[2])
    while low < high do
      local middle = math.floor((low + high) / 2)
      local member = redis.call(newest and 'ZREVRANGE' or 'ZRANGE', KEYS[1], middle, middle)[1]
      local is_before
      if newest then is_before = member > ARGV[1] else is_before = member < ARGV[1] end
      if is_before then low = middle + 1 else high = middle end
    end
    start = low
  end
end
local found = redis.call(newest and 'ZREVRANGE' or 'ZRANGE', KEYS[1], start, start + count - 1,
                         'WITHSCORES')
local kept = {}
for i = 1, #found, 2 do
  local at = tonumber(found[i + 1])
  local low, high = tonumber(ARGV[4]), tonumber(ARGV[5])
  if (low == nil or at >= low) and (high == nil or at <= high) then
    kept[#kept + 1] = found[i]
    kept[#kept + 1] = found[i + 1]
  end
end
return kept

#!lua flags=allow-oom
local claims = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Drops the claims whose window has passed; if memory is short, the oldest others, too. Their shards
-- are deleted in steps, because Redis runs nothing else meanwhile. Idempotent: claims are evicted only
-- if as many were evicted before as the caller knows of.
-- Returns: the number of claims evicted, 1 if there are more shards to delete, else 0.
local text, count = unpack(redis.call('HMGET', claims, 'state', 'count'))
local is_read, state = pcall(cmsgpack.unpack, text or '')
if not is_read or type(state) ~= 'table' or state[1] ~= 1 then return {0, 0} end
local form, next_bucket, older_until_ms, complete_since_ms, evicted, is_tight, dropped, buckets =
  unpack(state)
local now = clock_ms(arguments.set_ms)
local newest = buckets[#buckets]
if newest then newest[6] = tonumber(count) or 0 end

local function drop_oldest()
  local bucket = table.remove(buckets, 1)
  dropped[#dropped + 1] = {bucket[1], bucket[5], 0}
  return bucket
end

while buckets[1] and buckets[1][4] <= now do drop_oldest() end
is_tight = arguments.is_tight and 1 or 0
if is_tight == 1 and newest then  -- shorter buckets, of which less has to be evicted at once
  local window_ms = newest[4] - newest[3]
  newest[3] = math.min(newest[3], math.max(now, newest[2] + math.floor(window_ms / 4)))
  newest[4] = newest[3] + window_ms
end
local gone = 0
if arguments.min_claims and evicted == arguments.evicted and #dropped == 0 and buckets[1]
    and buckets[1][6] >= arguments.min_claims then
  local bucket = drop_oldest()
  gone = bucket[6]
  evicted = evicted + gone
  complete_since_ms = math.min(now, bucket[3])
end
if dropped[1] then
  local id, bits, next_shard = unpack(dropped[1])
  local stop = math.min(2 ^ bits, next_shard + arguments.max_shards)
  local shards = {}
  for shard = next_shard, stop - 1 do
    shards[#shards + 1] = arguments.shard_prefix .. id .. ':' .. shard
  end
  redis.call('UNLINK', unpack(shards))
  if stop == 2 ^ bits then table.remove(dropped, 1) else dropped[1] = {id, bits, stop} end
end
local changed = cmsgpack.pack({form, next_bucket, older_until_ms, complete_since_ms, evicted, is_tight,
                               dropped, buckets})
if changed ~= text then redis.call('HSET', claims, 'state', changed) end
return {gone, #dropped > 0 and 1 or 0}

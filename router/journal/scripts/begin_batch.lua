#!lua flags=allow-oom
local filling, batch, digests_key, identities, parts, claims, ledger, queue, job, lease, starts =
  unpack(KEYS)
local batch_id, token, set_ms, window_ms, shard_prefix, seen_prefix, given = unpack(ARGV)
-- Begins the work on a batch: it is sealed and read, and its events are claimed, as
-- router/journal/claims.py explains. The result replaces the digests, so that a rerun has the same.
-- If there is no such batch, its job ends. Idempotent.
-- Returns: the payloads; for each event 1 if the batch may evaluate it, 0 if another batch has claimed
--          it; how many parts of the batch are finished; of how many events it has the digests.
--          Nothing is claimed, and the second is '', if not all digests are stored: the caller then
--          calls again and gives them. -1, unchanged, if the caller has a token that is not that of the
--          lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
seal(filling, batch_id)
local payloads = redis.call('LRANGE', batch, 0, -1)
if #payloads == 0 then
  end_job(batch_id, queue, job, lease, starts)
  return {payloads, '', '0', 0}
end
local stored, part = unpack(redis.call('MGET', digests_key, parts))
stored, part = stored or '', part or '0'

local events = #given / 16
if events == 0 then
  for _, payload in ipairs(payloads) do  -- the header of a msgpack array
    local kind, high, low = string.byte(payload, 1, 3)
    if kind and kind >= 0x90 and kind <= 0x9f then events = events + kind - 0x90 end
    if kind == 0xdc and low then events = events + 256 * high + low end
    if kind == 0xdd then events = events + (struct.unpack('>I4', payload, 2)) end
  end
end
-- Digests are as long as results if they are those of a sixteenth of the events: the others joined by
-- an older router.
local has_results = #stored == events and not string.find(stored, '[^01?]')
if has_results and not string.find(stored, '?', 1, true) then
  return {payloads, stored, part, events}
end
local digests = given ~= '' and given or stored
if #digests ~= 16 * events then return {payloads, '', part, #stored / 16} end

local now = clock_ms(set_ms)
window_ms = tonumber(window_ms)
local text, count = unpack(run_or_delete('HMGET', claims, 'state', 'count'))
local is_read, state = pcall(cmsgpack.unpack, text or '')
local is_changed = false
if not is_read or type(state) ~= 'table' or state[1] ~= 1 then
  state = {1, 1, 0, 0, 0, 0, {}, {}}
  local used =
    redis.call('HMGET', ledger, 'duplicate', 'filtered', 'suppressed', 'matched', 'quarantined')
  for _, finished in ipairs(used) do
    if finished then state[3] = now + window_ms end
  end
end
local form, next_bucket, older_until_ms, complete_since_ms, evicted, is_tight, dropped, buckets =
  unpack(state)
if given ~= '' and redis.call('EXISTS', identities) == 1 then
  older_until_ms, is_changed = now + window_ms, true
end
count = tonumber(count) or 0
local length_ms = is_tight == 1 and math.floor(window_ms / 4) or window_ms

-- Closes the current bucket and opens the next one, with 2^bits shards.
local function open_bucket(bits)
  local live = {}
  for at, bucket in ipairs(buckets) do
    if at == #buckets then
      bucket[3] = math.min(bucket[3], now)
      bucket[4] = math.min(bucket[4], bucket[3] + window_ms)
      bucket[6] = count
    end
    if bucket[4] > now then
      live[#live + 1] = bucket
    else
      dropped[#dropped + 1] = {bucket[1], bucket[5], 0}
    end
  end
  local closes_ms = now + length_ms
  live[#live + 1] = {next_bucket, now, closes_ms, closes_ms + window_ms, bits, 0}
  next_bucket, buckets, count, is_changed = next_bucket + 1, live, 0, true
  redis.call('HSET', claims, 'count', 0)
end

if #buckets == 0 then
  open_bucket(10)
elseif now >= buckets[#buckets][3] then
  local total = count
  for at = 1, #buckets - 1 do total = total + buckets[at][6] end
  local expected = total * length_ms / math.max(1, now - buckets[1][2])
  open_bucket(math.max(8, math.min(20, math.ceil(math.log(expected / 256 + 1) / math.log(2)))))
end

local earlier, shard_sizes = {}, {}
local current, shard_size, expires_at, bits
for at, bucket in ipairs(buckets) do
  current, shard_size = shard_prefix .. bucket[1] .. ':', 2 ^ (32 - bucket[5])
  expires_at, bits = bucket[4], bucket[5]
  if at < #buckets and expires_at > now then
    earlier[#earlier + 1], shard_sizes[#shard_sizes + 1] = current, shard_size
  end
end
-- A shard's first claim sets its expiry. Once a bucket has this many claims, each shard has one.
local is_young = count < 24 * 2 ^ bits
local is_shared = older_until_ms > now
local read, format = struct.unpack, string.format
local mine, added = {}, 0
for at = 1, events do
  local is_mine = has_results and string.byte(stored, at) ~= 63
  if is_mine then
    is_mine = string.byte(stored, at) == 49
  else
    local place, high, low = read('>I4I4I4', digests, 16 * at - 15)
    local member = format('%d%09d', high, low % 1000000000)
    is_mine = true
    for i = 1, #earlier do
      local shard = earlier[i] .. (place - place % shard_sizes[i]) / shard_sizes[i]
      if run_or_delete('SISMEMBER', shard, member) == 1 then
        is_mine = false
        break
      end
    end
    if is_mine then
      local shard = current .. (place - place % shard_size) / shard_size
      if run_or_delete('SADD', shard, member) == 0 then
        is_mine = false
      else
        added = added + 1
        if is_young then redis.call('PEXPIRE', shard, expires_at - now, 'NX') end
      end
    end
    if is_shared then  -- with routers that claim by a key for each event
      local digest = string.sub(digests, 16 * at - 15, 16 * at)
      local seen = seen_prefix
      for i = 1, 16 do seen = seen .. format('%02x', string.byte(digest, i)) end
      local claimed_by = run_or_delete('SET', seen, batch_id, 'NX', 'GET', 'PX', window_ms)
      if claimed_by then is_mine = claimed_by == batch_id end
    end
  end
  mine[at] = is_mine and '1' or '0'
end
if added > 0 then
  count = redis.call('HINCRBY', claims, 'count', added)
  if count >= 384 * 2 ^ bits then open_bucket(math.min(20, bits + 4)) end
end
if is_changed then
  redis.call('HSET', claims, 'state', cmsgpack.pack({form, next_bucket, older_until_ms,
    complete_since_ms, evicted, is_tight, dropped, buckets}))
end
mine = table.concat(mine)
-- As long as its claims, because a batch without it would find that they are another's.
redis.call('SET', digests_key, mine, 'PX', expires_at - now + 60000)
return {payloads, mine, part, events}

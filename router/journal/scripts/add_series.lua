local writer = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Adds differences of a process's counters to their series. Guarded by the number of the differences: a
-- second run of them, after a reply that was lost, adds nothing.
-- Returns: 1; 0 if they were added before.
--
-- A series is an array of unsigned numbers of 32 bits: the latest bucket, the Unix seconds of the last
-- addition, then the counts of the latest buckets, each at its number modulo that of the slots.
local HEAD = 2

-- Clears the counts of the buckets since the latest one.
local function begin_bucket(series, latest, bucket, slots, lasts_seconds)
  -- None of its buckets is in the time that is kept, or the clock was set back by as much.
  if math.abs(bucket - latest) >= slots then
    redis.call('DEL', series)
    latest = bucket - 1
  end
  if bucket < latest then return end
  local changes = {'SET', 'u32', '#0', bucket}
  for each = latest + 1, bucket do
    local at = #changes
    changes[at + 1], changes[at + 2], changes[at + 3], changes[at + 4] =
      'SET', 'u32', '#' .. HEAD + each % slots, 0
  end
  redis.call('BITFIELD', series, unpack(changes))
  redis.call('EXPIRE', series, lasts_seconds)
end

if arguments.number <= (tonumber(run_or_delete('GET', writer) or '') or 0) then return 0 end
redis.call('SET', writer, arguments.number, 'EX', arguments.writer_seconds)
local now = math.floor(clock_ms(arguments.set_ms) / 1000)
for _, addition in ipairs(arguments.additions) do
  local name, amount = unpack(addition)
  for _, kept in ipairs(arguments.resolutions) do
    local prefix, seconds, slots = unpack(kept)
    local series, bucket = prefix .. name, math.floor(now / seconds)
    local latest = run_or_delete('BITFIELD', series, 'GET', 'u32', '#0')[1]
    if latest ~= bucket then begin_bucket(series, latest, bucket, slots, seconds * slots) end
    redis.call('BITFIELD', series, 'SET', 'u32', '#1', now, 'OVERFLOW', 'SAT', 'INCRBY', 'u32',
               '#' .. HEAD + bucket % slots, amount)
  end
end
return 1

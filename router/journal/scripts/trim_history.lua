#!lua flags=allow-oom
local history = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Deletes the oldest segments of history: those that are too old, those beyond its memory, and as many
-- as free the bytes that are asked for. Idempotent; it is run again while there is more to do.
-- Returns: the segments, records and bytes deleted; the bytes left; whether there may be more to delete;
-- the records that were not too old.
local now_ms = clock_ms(arguments.set_ms)
local oldest_ms, deleted, records, freed, early = now_ms - arguments.age_ms, 0, 0, 0, 0

local function bytes_left()
  local left = tonumber(run_or_delete('HGET', history, 'closed')) or 0
  for _, log in ipairs(arguments.logs) do
    local state = newest_segment(log)
    if state then left = left + state[6] end
  end
  return left
end

local left = bytes_left()
-- The newest segments are closed if all of them are too old, or if that is what is left to free.
for _, log in ipairs(arguments.logs) do
  local state = newest_segment(log)
  if state and (state[3] < oldest_ms or arguments.free_bytes >= left or arguments.total_bytes == 0) then
    close_segment(log, state)
  end
end
while deleted < arguments.most do
  local member, closed = oldest_segment()
  if not member then break end
  local last_ms = closed[3]
  if last_ms >= oldest_ms and left <= arguments.total_bytes and freed >= arguments.free_bytes then break end
  local its_records, its_bytes = evict_oldest()
  deleted, records = deleted + 1, records + its_records
  freed, left = freed + its_bytes, left - its_bytes
  if last_ms >= oldest_ms then early = early + its_records end
end
return {deleted, records, freed, left, deleted == arguments.most and 1 or 0, early}

#!lua flags=allow-oom
local open_sets, queue, waiting, waiting_lanes, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Drops deliveries that have not ended: of sets that no worker has, and of lanes. All of them or none, so
-- that history has what was dropped: if a record is not as it was read (it was settled, moved or superseded),
-- or a worker has begun a set, nothing is changed. One of a set with a key leaves its lane, whose next one is
-- sent. The last one ends the set's job. A set that is being filled takes further deliveries. Idempotent.
-- Returns: the number of deliveries dropped; the ids of those that are not as read; the ids of the sets that
--          a worker has.
local changed, leased = {}, {}

-- Returns whether a delivery is still as it was read.
local function is_as_read(records, id, digest)
  local record = redis.pcall('HGET', records, id)
  return type(record) == 'string' and redis.sha1hex(record) == digest
end

for _, set in ipairs(arguments.sets) do
  local set_id, deliveries = unpack(set)
  if redis.call('EXISTS', arguments.lease_prefix .. set_id) == 1 then leased[#leased + 1] = set_id end
  for _, delivery in ipairs(deliveries) do
    local id, digest, key = unpack(delivery)
    if not is_as_read(arguments.set_prefix .. set_id, id, digest) then changed[#changed + 1] = id end
  end
end
for _, delivery in ipairs(arguments.waiting) do
  local id, digest, key = unpack(delivery)
  if not is_as_read(waiting, id, digest) then changed[#changed + 1] = id end
end
if #changed + #leased > 0 then return {0, changed, leased} end

local dropped, now_ms = 0, clock_ms(arguments.set_ms)
local lanes = use_lanes(arguments.lanes, now_ms)

-- Deletes a delivery from a hash; returns whether it was there.
local function drop(records, id)
  local record = redis.call('HGET', records, id)
  if not record then return false end
  redis.call('HDEL', records, id)
  end_reference(record)
  dropped = dropped + 1
  return true
end

-- Those that wait first, because one that leaves its lane sends the next one.
for _, delivery in ipairs(arguments.waiting) do
  local id, digest, key = unpack(delivery)
  local in_lane = lane_queue(lanes, key)
  drop(waiting, id)
  run_or_delete('ZREM', in_lane, id)
  if redis.call('EXISTS', in_lane) == 0 then write('ZREM', waiting_lanes, key) end
end
for _, set in ipairs(arguments.sets) do
  local set_id, deliveries = unpack(set)
  local records = arguments.set_prefix .. set_id
  for _, delivery in ipairs(deliveries) do
    local id, digest, key = unpack(delivery)
    if drop(records, id) and key ~= '' then leave_lane(lanes, key, set_id, id) end
  end
  end_if_empty(records, set_id, open_sets, queue, arguments.job_prefix .. set_id,
               arguments.lease_prefix .. set_id, arguments.starts_prefix .. set_id)
end
if dropped > 0 then
  add_to(ledger, arguments.discarded_field, dropped)
  local history = arguments.history
  record_history(history.options, history.entry, history.names, history.records, now_ms)
end
count_dropped(lanes, ledger)
return {dropped, changed, leased}

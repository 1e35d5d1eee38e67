#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Brings the deliveries of some lanes together, before a digest is sent. Those that wait behind the
-- deliveries of its set join them; those that were overtaken are dropped. If an earlier delivery of the
-- lane has moved to a later digest, those in this set follow it there. If the destination sends no
-- digests any more, they are parted instead. Idempotent.
-- Returns: the number of those that were overtaken; the ids that have left the set, or whose record was
--          replaced; id and record of those that were added to it.
local lanes = use_lanes(arguments.lanes, clock_ms(arguments.set_ms))
local added, left, bytes = {}, {}, 0

local function join_later_set(key, state)
  local later_id = state[FLIGHT_SET]
  local later = 'router:set:' .. later_id
  for at = 1, #state[FLIGHT], 2 do
    local id = state[FLIGHT][at]
    local record = redis.call('HGET', set, id)
    if record then
      if redis.call('EXISTS', later) == 0 then
        enqueue(later_id, lanes.now_ms, open_sets, queue, lanes.job_prefix .. later_id,
                lanes.job_record, lanes.wake_channel)
      end
      replace(lanes, later, id, record)
      redis.call('HDEL', set, id)
      left[#left + 1] = id
    end
  end
  move_flight(state, later_id)
  store_lane(lanes, key, state)
end

-- The destination has ceased to send digests: one of each lane stays, the others wait.
local function part(key, state)
  for at = #state[FLIGHT] - 1, 1, -2 do
    local id, number = unpack(state[FLIGHT], at, at + 1)
    local record = redis.call('HGET', set, id)
    if record and (state[FLIGHT_SET] ~= arguments.set_id or is_behind(state, number)) then
      redis.call('HDEL', set, id)
      wait_again(lanes, key, state, id, number, record)
      left[#left + 1] = id
    end
  end
  if #left > 0 and not is_busy(state, {}) then
    set_flight(state)
    release_next(lanes, key, state)
    store_lane(lanes, key, state)
  end
end

local function take_along(key, state)
  local flight, is_changed = state[FLIGHT], false
  while #flight <= 2 * LANE_SIZE and #added < 2 * arguments.room and bytes < SET_BYTES do
    local id, number, record = take_waiting(lanes, key)
    if not id then break end
    is_changed = true
    local same = place_in_flight(state, id)
    if number < state[TOLD] then
      drop_overtaken(lanes, record)
    elseif same and flight[same + 1] > number then
      drop_superseded(lanes, record)
    else
      if same then
        left[#left + 1] = id
        table.remove(flight, same + 1)
        table.remove(flight, same)
      end
      replace(lanes, set, id, record)
      flight[#flight + 1] = id
      flight[#flight + 1] = number
      added[#added + 1] = id
      added[#added + 1] = record
      bytes = bytes + size_of(record)
    end
  end
  if is_changed then store_lane(lanes, key, state) end
end

for _, key in ipairs(arguments.alert_keys) do
  local state = lane_of(lanes, key)
  if not arguments.in_digest then
    part(key, state)
  elseif #state[FLIGHT] > 0 and state[FLIGHT_SET] ~= arguments.set_id then
    join_later_set(key, state)
  elseif #state[FLIGHT] > 0 then
    if state[OTHER_SETS] then move_flight(state, arguments.set_id) end
    -- What waits must not leave before what is in an earlier mail still.
    if not state[OTHER_SETS] then take_along(key, state) end
  end
end
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
count_dropped(lanes, ledger)
return {lanes.overtaken or 0, left, added}

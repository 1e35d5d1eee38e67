-- Functions of the scripts by which deliveries with a key enter and leave sets. router/journal/script.py
-- puts this file between prelude.lua and each of them.
--
-- A lane is the deliveries of one alert key to one destination. One of them is in a set, the others
-- wait: router/journal/lanes.py has the rules, router/journal/keys.py the keys. The state of a lane is
-- an array: the number and the status of its latest delivery; the number, the status, the count and the
-- time in Unix ms of what the receiver was told last; the set of the deliveries in flight; a list of
-- these, id, number, id, number, …; and, if there are any, a list of other sets that some of them have not
-- left, those of a mail of which one was retried.
local LATEST, LATEST_STATUS, TOLD, TOLD_STATUS, TOLD_COUNT, TOLD_MS, FLIGHT_SET, FLIGHT, OTHER_SETS =
  1, 2, 3, 4, 5, 6, 7, 8, 9
local LANE_SIZE, LANES_LIMIT, SET_DELIVERIES, SET_BYTES = 20, 100000, 100, 4194304

local function lane_queue(lanes, key) return 'router:lane-queue:' .. key .. ':' .. lanes.destination end

-- Returns the state of a lane. A damaged one is as one of which nothing is known.
local function lane_of(lanes, key)
  local record = run_or_delete('HGET', 'router:lane:' .. key, lanes.destination)
  local is_readable, state = pcall(cmsgpack.unpack, record or '')
  if record and is_readable and type(state) == 'table' and type(state[LATEST]) == 'number' and
     type(state[TOLD]) == 'number' and type(state[FLIGHT]) == 'table' then
    return state
  end
  return {0, '', 0, '', 0, 0, '', {}}
end

-- Returns where the state of a lane has a delivery that is in flight; nil if it does not.
local function place_in_flight(state, id)
  for at = 1, #state[FLIGHT], 2 do
    if state[FLIGHT][at] == id then return at end
  end
end

-- Returns whether a set has a delivery.
local function is_in(set_id, id) return redis.pcall('HEXISTS', 'router:set:' .. set_id, id) == 1 end

-- Returns whether a delivery in flight exists. One whose set has lost it does not: an older router has
-- settled it, it was quarantined, or it was removed by hand.
local function is_in_flight(state, id)
  if is_in(state[FLIGHT_SET], id) then return true end
  for _, set_id in ipairs(state[OTHER_SETS] or {}) do
    if is_in(set_id, id) then return true end
  end
  return false
end

-- Returns whether a delivery of a lane is in flight. ``entered`` has those that this script adds to
-- their set.
local function is_busy(state, entered)
  for at = 1, #state[FLIGHT], 2 do
    local id = state[FLIGHT][at]
    if entered[id] or is_in_flight(state, id) then return true end
  end
  return false
end

-- Records the set of a delivery in flight that has moved, and those that others have not left.
local function move_flight(state, set_id)
  local before, others = state[OTHER_SETS] or {}, {}
  before[#before + 1] = state[FLIGHT_SET]
  for _, other in ipairs(before) do
    local is_left = other == set_id
    for at = 1, #state[FLIGHT], 2 do
      if not is_left and is_in(other, state[FLIGHT][at]) then
        others[#others + 1] = other
        is_left = true
      end
    end
  end
  state[FLIGHT_SET], state[OTHER_SETS] = set_id, #others > 0 and others or nil
end

-- Replaces the deliveries in flight of a lane: none, or one that is in a set.
local function set_flight(state, set_id, id, number)
  state[FLIGHT_SET], state[FLIGHT], state[OTHER_SETS] = set_id or '', {id, number}, nil
end

-- Deletes the lanes of a key, unless one of them is in use. Returns whether it did.
local function forget_lane(key)
  local lane = 'router:lane:' .. key
  run_or_delete('HLEN', lane)
  for _, record in ipairs(redis.call('HVALS', lane)) do
    local is_readable, state = pcall(cmsgpack.unpack, record)
    if is_readable and type(state) == 'table' and type(state[FLIGHT]) == 'table' and
       #state[FLIGHT] > 0 then
      return false
    end
  end
  redis.call('DEL', lane)
  redis.call('ZREM', 'router:lane-ages', key)
  return true
end

-- Stores the state of a lane. If nothing is in flight, the lane is only remembered, and the oldest of
-- too many is forgotten.
local function store_lane(lanes, key, state)
  run_or_delete('HSET', 'router:lane:' .. key, lanes.destination, cmsgpack.pack(state))
  if #state[FLIGHT] > 0 then return end
  if write('ZADD', 'router:lane-ages', lanes.now_ms, key) == 0 or
     redis.call('ZCARD', 'router:lane-ages') <= LANES_LIMIT then
    return
  end
  for _, oldest in ipairs(redis.call('ZRANGE', 'router:lane-ages', 0, 1)) do
    if not forget_lane(oldest) then redis.call('ZADD', 'router:lane-ages', lanes.now_ms, oldest) end
  end
end

-- Returns the bytes of a delivery, with those of an alert that is stored by itself.
local function size_of(record)
  return #record + tonumber(string.match(reference_in(record) or '', '%d+$') or 0)
end

-- Writes a delivery to a hash. One of the same id that it replaces there, of an event that arrived again
-- after the dedup window, is superseded.
local function replace(lanes, records, id, record)
  if put(records, id, record) == 0 then lanes.superseded = (lanes.superseded or 0) + 1 end
end

-- Drops a delivery that arose before one of the same id that is there.
local function drop_superseded(lanes, record)
  end_reference(record)
  lanes.superseded = (lanes.superseded or 0) + 1
end

-- Adds a delivery that leaves its lane to a set that this script opens, a new one if that is full.
-- Returns the set's id.
local function open_waiting(lanes, id, record)
  lanes.opened = (lanes.opened or 0) + 1
  lanes.bytes = (lanes.bytes or 0) + size_of(record)
  if lanes.opened > SET_DELIVERIES or lanes.bytes > SET_BYTES or not lanes.open_set then
    lanes.sets = (lanes.sets or 0) + 1
    lanes.opened, lanes.bytes = 1, size_of(record)
    lanes.open_set = lanes.set_id .. '-' .. lanes.sets
    enqueue(lanes.open_set, lanes.now_ms, lanes.open_sets, lanes.queue, lanes.job_prefix .. lanes.open_set,
            lanes.job_record, lanes.wake_channel)
  end
  replace(lanes, 'router:set:' .. lanes.open_set, id, record)
  return lanes.open_set
end

-- Counts a delivery that is not sent, because its receiver was told something later.
local function drop_overtaken(lanes, record)
  end_reference(record)
  lanes.overtaken = (lanes.overtaken or 0) + 1
end

-- Takes the first waiting delivery out of a lane. Returns its id, number and record; nil if none waits.
local function take_waiting(lanes, key)
  local queue, waiting = lane_queue(lanes, key), 'router:lane-waiting:' .. lanes.destination
  local first, record
  repeat
    first = run_or_delete('ZRANGE', queue, 0, 0, 'WITHSCORES')
    if #first == 0 then return end
    redis.call('ZREM', queue, first[1])
    record = redis.pcall('HGET', waiting, first[1])
    if type(record) == 'string' then redis.call('HDEL', waiting, first[1]) else record = nil end
  until record
  if redis.call('EXISTS', queue) == 0 then write('ZREM', 'router:lanes:' .. lanes.destination, key) end
  return first[1], tonumber(first[2]), record
end

-- Sends the next delivery of a lane in which none is in flight. Those that were overtaken are dropped.
local function release_next(lanes, key, state)
  repeat
    local id, number, record = take_waiting(lanes, key)
    if not id then return end
    if number >= state[TOLD] then
      set_flight(state, open_waiting(lanes, id, record), id, number)
      return
    end
    drop_overtaken(lanes, record)
  until false
end

-- Makes room in a lane in which too many wait. A later message of the same status says all that the one
-- before it does, so that one is dropped; or else the second one: the first may be the one that fires.
local function make_room(lanes, queue, state, number, status)
  local last = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')
  local victim = last[1]
  if status ~= state[LATEST_STATUS] or tonumber(last[2]) ~= state[LATEST] or number < state[LATEST] then
    victim = unpack(redis.call('ZRANGE', queue, 1, 1))
  end
  local waiting = 'router:lane-waiting:' .. lanes.destination
  local record = redis.pcall('HGET', waiting, victim)
  redis.call('ZREM', queue, victim)
  if type(record) == 'string' then
    redis.call('HDEL', waiting, victim)
    drop_superseded(lanes, record)
  end
end

-- Lets a delivery wait in its lane, at the place of its number. If one of the same id waits, the later
-- one stays.
local function wait_in_lane(lanes, key, state, id, number, status, record)
  local queue = lane_queue(lanes, key)
  local same = run_or_delete('ZSCORE', queue, id)
  if same and tonumber(same) > number then
    drop_superseded(lanes, record)
    return
  end
  if not same and redis.call('ZCARD', queue) >= LANE_SIZE then
    make_room(lanes, queue, state, number, status)
  end
  replace(lanes, 'router:lane-waiting:' .. lanes.destination, id, record)
  redis.call('ZADD', queue, number, id)
  write('ZADD', 'router:lanes:' .. lanes.destination, 'NX', lanes.now_ms, key)
end

-- Brings a delivery into its lane. ``set_id`` is the set that the caller adds it to, if it is sent now;
-- ``entered`` has the ids of those that were. A number of 0 is that of the latest one.
-- Returns true if it is sent now; false if it waits, or was overtaken.
local function enter_lane(lanes, key, id, number, status, record, set_id, entered)
  local state = lane_of(lanes, key)
  if number == 0 then number = math.max(state[LATEST] + 1, lanes.now_ms * 1000) end
  if number < state[TOLD] then
    drop_overtaken(lanes, record)
    return false
  end
  local is_sent = not is_busy(state, entered)
  -- If what was in flight or the state is lost, some may wait.
  if is_sent and (#state[FLIGHT] > 0 or state[LATEST] == 0) then
    set_flight(state)
    is_sent = redis.call('EXISTS', lane_queue(lanes, key)) == 0
  end
  if is_sent then
    set_flight(state, set_id, id, number)
    entered[id] = true
  else
    wait_in_lane(lanes, key, state, id, number, status, record)
    if #state[FLIGHT] == 0 then release_next(lanes, key, state) end
  end
  if number >= state[LATEST] then state[LATEST], state[LATEST_STATUS] = number, status end
  store_lane(lanes, key, state)
  return is_sent
end

-- Drops deliveries in flight that a later one has overtaken in a mail before them. They have moved to the
-- set of the next mail already.
local function drop_from_flight(lanes, state)
  local set, flight = 'router:set:' .. state[FLIGHT_SET], state[FLIGHT]
  for at = #flight - 1, 1, -2 do
    local record = flight[at + 1] < state[TOLD] and redis.pcall('HGET', set, flight[at])
    if type(record) == 'string' then
      redis.call('HDEL', set, flight[at])
      table.remove(flight, at + 1)
      table.remove(flight, at)
      drop_overtaken(lanes, record)
    end
  end
end

-- Takes a delivery that has left a set out of its lane, and sends the next one. ``status`` and ``count``
-- are what the receiver was told by it; nil if it was not delivered.
-- Returns its number; 0 if the lane does not know it.
local function leave_lane(lanes, key, set_id, id, status, count)
  local state = lane_of(lanes, key)
  local at = place_in_flight(state, id)
  if not at then return 0 end
  local number = table.remove(state[FLIGHT], at + 1)
  table.remove(state[FLIGHT], at)
  if status and number >= state[TOLD] then
    state[TOLD], state[TOLD_STATUS], state[TOLD_COUNT], state[TOLD_MS] =
      number, status, count, lanes.now_ms
    if #state[FLIGHT] > 0 and state[FLIGHT_SET] ~= set_id then drop_from_flight(lanes, state) end
  end
  if #state[FLIGHT] == 0 or not is_busy(state, {}) then
    set_flight(state)
    release_next(lanes, key, state)
  end
  store_lane(lanes, key, state)
  return number
end

-- Returns whether an earlier delivery of the lane is in flight too.
local function is_behind(state, number)
  for at = 1, #state[FLIGHT], 2 do
    local id, other = unpack(state[FLIGHT], at, at + 1)
    if other < number and is_in_flight(state, id) then return true end
  end
  return false
end

-- Takes a delivery out of the flight of its lane, to wait for the earlier ones.
local function wait_again(lanes, key, state, id, number, record)
  local at = place_in_flight(state, id)
  table.remove(state[FLIGHT], at + 1)
  table.remove(state[FLIGHT], at)
  wait_in_lane(lanes, key, state, id, number, '', record)
  store_lane(lanes, key, state)
end

-- Returns the number of a delivery in flight; nil if its lane does not know it. Then the state.
local function number_in_flight(lanes, key, id)
  local state = lane_of(lanes, key)
  local at = place_in_flight(state, id)
  return at and state[FLIGHT][at + 1], state
end

-- Returns the table by which the functions above know the destination and what they may open; it counts
-- what they drop.
local function use_lanes(lanes, now_ms)
  lanes.now_ms = now_ms
  return lanes
end

-- Counts what a script has dropped: each is superseded, some of them because they were overtaken.
local function count_dropped(lanes, ledger)
  local dropped = (lanes.superseded or 0) + (lanes.overtaken or 0)
  if dropped > 0 then add_to(ledger, lanes.superseded_field, dropped) end
  if lanes.overtaken then add_to(ledger, lanes.overtaken_field, lanes.overtaken) end
end

-- Returns the record of a dead letter with the number of its delivery. It ends with the number: a msgpack
-- double, which the caller has as 0.
local function with_number(record, number)
  return string.sub(record, 1, -9) .. struct.pack('>d', number)
end

#!lua flags=allow-oom
local waiting_lanes, waiting, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Sends the next delivery of lanes in which some wait and none is in flight, in one page of them. If
-- no lane is known to have waiting deliveries, those that wait are sent. Idempotent.
-- Returns: the number of lanes checked, of deliveries sent, of those that were overtaken, and of the
--          lanes of the page in which some wait still.
local lanes = use_lanes(arguments.lanes, clock_ms(arguments.set_ms))
local page = write('ZRANGE', waiting_lanes, arguments.offset, arguments.offset + arguments.count - 1)
local checked, sent, remaining = #page, 0, 0
for _, key in ipairs(page) do
  local state = lane_of(lanes, key)
  if not is_busy(state, {}) then
    set_flight(state)
    release_next(lanes, key, state)
    if #state[FLIGHT] > 0 then sent = sent + 1 end
    store_lane(lanes, key, state)
  end
  if redis.call('EXISTS', lane_queue(lanes, key)) == 1 then
    remaining = remaining + 1
  else
    redis.call('ZREM', waiting_lanes, key)
  end
end
if checked == 0 and arguments.offset == 0 then
  local _, records = unpack(write('HSCAN', waiting, 0, 'COUNT', arguments.count))
  for at = 1, #records, 2 do
    open_waiting(lanes, records[at], records[at + 1])
    redis.call('HDEL', waiting, records[at])
    sent = sent + 1
  end
  -- The rest in the next page.
  if redis.call('EXISTS', waiting) == 1 then checked = arguments.count end
end
count_dropped(lanes, ledger)
return {checked, sent, lanes.overtaken or 0, remaining}

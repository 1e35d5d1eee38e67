#!lua flags=allow-oom
local set, open_sets, queue, job, lease, starts, new_set, new_job, ledger = unpack(KEYS)
local arguments = cmsgpack.unpack(unpack(ARGV))
-- Moves a delivery to a new set, to be attempted again when that is due. Idempotent: a delivery
-- that is not in its old set is not moved. The last one ends the old set's job. A delivery of the
-- same id in the new set, which is that of a digest then, is superseded. So may be the one that the
-- worker has read, in the set of a digest; it refers to another alert then.
-- A delivery with a key follows one of its lane that has moved before it, so that both are in one mail.
-- One that was overtaken is dropped.
-- Returns: 1; 0 if the delivery is not in the old set, or superseded there; -1, unchanged, if another
--          worker has the lease; 2 if it was overtaken.
if is_lost(lease, arguments.token) then return -1 end
local moved = redis.call('HGET', set, arguments.delivery_id)
if not moved or reference_in(moved) ~= reference_in(arguments.record) then return 0 end
local now_ms = clock_ms(arguments.set_ms)
local due_ms = now_ms + arguments.due_in_ms
local new_set_id, key, lanes, number, state = arguments.new_set_id, arguments.key, nil, nil, nil
if key ~= '' then
  lanes = use_lanes(arguments.lanes, now_ms)
  number, state = number_in_flight(lanes, key, arguments.delivery_id)
  if number and number < state[TOLD] then
    redis.call('HDEL', set, arguments.delivery_id)
    end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
    drop_overtaken(lanes, moved)
    leave_lane(lanes, key, arguments.set_id, arguments.delivery_id)
    count_dropped(lanes, ledger)
    return 2
  elseif number and not arguments.in_digest and is_behind(state, number) then
    -- Those of a mail, after the destination has ceased to send digests.
    redis.call('HDEL', set, arguments.delivery_id)
    end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
    wait_again(lanes, key, state, arguments.delivery_id, number, arguments.record)
    count_dropped(lanes, ledger)
    return 1
  elseif number then
    local other = state[FLIGHT_SET]
    if arguments.in_digest and other ~= arguments.set_id then
      new_set_id, new_set, new_job = other, 'router:set:' .. other, lanes.job_prefix .. other
      due_ms = tonumber(redis.call('ZSCORE', open_sets, other)) or due_ms
    end
  end
end
if put(new_set, arguments.delivery_id, arguments.record) == 0 then
  add_to(ledger, arguments.superseded_field, 1)
end
redis.call('HDEL', set, arguments.delivery_id)
if number then
  move_flight(state, new_set_id)
  store_lane(lanes, key, state)
end
end_if_empty(set, arguments.set_id, open_sets, queue, job, lease, starts)
enqueue(new_set_id, due_ms, open_sets, queue, new_job, arguments.job_record, arguments.wake_channel)
return 1

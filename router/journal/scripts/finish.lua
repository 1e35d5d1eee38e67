#!lua flags=allow-oom
local work, open_work, queue, job, lease, starts, chain_results, taken, digests, identities,
  parts, quarantine, quarantine_index, ledger, timers, timer_queue = unpack(KEYS)
local work_id, token, part, set_ms, set_size, set_prefix, delivery_job, timer_wake, outcome,
  history_options, history_entry, history_names, history_records = unpack(ARGV, 1, 13)
-- Finishes a batch or a timer and its job, and opens the deliveries and timers that result from it,
-- in one step; or a part of a batch, whose events leave it. Guarded by the record of the work and the
-- number of finished parts: if two workers ran the same job, the second one changes nothing.
-- Returns: 1; 0 if the work or the part was finished before; -1, unchanged, if another worker has
--          the lease.
if redis.call('EXISTS', work) == 0 or (redis.call('GET', parts) or '0') ~= part then return 0 end
if is_lost(lease, token) then return -1 end
local counts, quarantined, stored_alerts, sets, new_timers, rest = unpack(cmsgpack.unpack(outcome))
local now_ms = clock_ms(set_ms)
for _, stored in ipairs(stored_alerts) do
  local alerts, first, last = unpack(stored)
  redis.call('HSET', alerts, unpack(ARGV, first, last))
end

-- Returns every second one of some ids and records.
local function every_second(fields, first, last)
  local chosen = {}
  for at = first, last, 2 do chosen[#chosen + 1] = fields[at] end
  return chosen
end

-- Ends the references of the deliveries that new ones of the same ids have replaced, in the set or
-- among the new ones.
local function end_replaced(replaced, ids, records)
  local latest = {}
  for at, id in ipairs(ids) do
    local earlier = latest[id] or replaced[at]
    if earlier then end_reference(earlier) end
    latest[id] = records[at]
  end
end

-- Brings the deliveries with a key into their lanes. Returns ids and records of those that are sent
-- now, and of those without a key.
local function through_lanes(laned, lanes, set_id, first, last)
  local fields, entered, kept_out = {unpack(ARGV, first, last)}, {}, {}
  for _, delivery in ipairs(laned) do
    local at, key, status, number = unpack(delivery)
    local id, record = fields[2 * at - 1], fields[2 * at]
    kept_out[at] = not enter_lane(lanes, key, id, number, status, record, set_id, entered)
  end
  local sent = {}
  for at = 1, #fields / 2 do
    if not kept_out[at] then
      sent[#sent + 1] = fields[2 * at - 1]
      sent[#sent + 1] = fields[2 * at]
    end
  end
  return sent
end

for _, new_set in ipairs(sets) do
  local id, set, open_sets, deliver_queue, set_job, filling, wake_channel, opened_field,
    superseded_field, weight, first, last, laned, lanes = unpack(new_set)
  local fields = ARGV
  add_to(ledger, opened_field, (last - first + 1) / 2)
  -- A set whose job has not begun takes further deliveries, as a batch takes commits.
  local filling_id, filled, refers = unpack(run_or_delete('HMGET', filling, 'id', 'count', 'refers'))
  filled = (tonumber(filled) or 0) + weight
  local filling_set = filling_id and filled <= tonumber(set_size) and set_prefix .. filling_id
  if filling_set and redis.call('TYPE', filling_set).ok ~= 'hash' then filling_set = nil end
  if lanes then
    fields = through_lanes(laned, use_lanes(lanes, now_ms), filling_set and filling_id or id, first, last)
    first, last = 1, #fields
    count_dropped(lanes, ledger)
  end
  local count = (last - first + 1) / 2
  local added, replaced = 0, nil
  if count > 0 and filling_set then
    replaced = refers and redis.call('HMGET', filling_set, unpack(every_second(fields, first, last)))
    added = redis.call('HSET', filling_set, unpack(fields, first, last))
    redis.call('HSET', filling, 'count', filled)
  elseif count > 0 then
    added = redis.call('HSET', set, unpack(fields, first, last))
    enqueue(id, now_ms, open_sets, deliver_queue, set_job, delivery_job, wake_channel)
    redis.call('HSET', filling, 'id', id, 'count', weight)
    if refers then redis.call('HDEL', filling, 'refers') end
  end
  -- An event that arrives again after the dedup window has the same delivery ids.
  if added < count then
    add_to(ledger, superseded_field, count - added)
    end_replaced(replaced or {}, every_second(fields, first, last), every_second(fields, first + 1, last))
  end
  if count > 0 and #stored_alerts > 0 then redis.call('HSET', filling, 'refers', 1) end
end
for _, new_timer in ipairs(new_timers) do
  local id, timer, record, due_in_ms, timer_job, job_record = unpack(new_timer)
  redis.call('SET', timer, record)
  enqueue(id, now_ms + due_in_ms, timers, timer_queue, timer_job, job_record, timer_wake)
end
for _, item in ipairs(quarantined) do
  local id, record = unpack(item)
  write('HSET', quarantine, id, record)
  write('ZADD', quarantine_index, now_ms, id)
end
for _, count in ipairs(counts) do
  local field, amount = unpack(count)
  add_to(ledger, field, amount)
end
record_history(history_options, history_entry, history_names, history_records, now_ms)
if rest then
  local dropped, rewritten, claims = unpack(rest)
  for _, payload in ipairs(rewritten) do
    local at, events = unpack(payload)
    redis.call('LSET', work, at, events)
  end
  redis.call('LTRIM', work, dropped, -1)
  redis.call('DEL', identities)
  redis.call('SET', digests, claims, 'KEEPTTL')
  -- It expires, because a worker of 0.1.0 that finishes the rest does not delete it.
  redis.call('SET', parts, part + 1, 'EX', 2592000)
  return 1
end
redis.call('ZREM', open_work, work_id)
redis.call('DEL', work, chain_results, taken, digests, identities, parts)
end_job(work_id, queue, job, lease, starts)
return 1

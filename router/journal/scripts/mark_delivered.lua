#!lua flags=allow-oom
local open_sets, ledger, queue = unpack(KEYS)
local ledger_field, job_prefix, lease_prefix, starts_prefix, sets, set_ms, lanes, history_options,
  history_entry, history_names, history_records = unpack(ARGV)
-- Settles deliveries that their receiver has. Idempotent: a delivery that is no longer in its set
-- was settled before and is not counted again. The last one ends the set's job. No lease is compared:
-- that a receiver has a delivery is a fact, and each one that is recorded is not sent again.
-- A delivery with a key leaves its lane, whose next one is sent.
-- Returns: the number of deliveries settled; the number of waiting ones that were overtaken.
local settled, overtaken, now_ms = 0, 0, clock_ms(set_ms)
lanes = lanes ~= '' and use_lanes(cmsgpack.unpack(lanes), now_ms)
for _, delivered in ipairs(cmsgpack.unpack(sets)) do
  local id, set, deliveries, may_refer, laned = unpack(delivered)
  local records = may_refer and #deliveries > 0 and redis.call('HMGET', set, unpack(deliveries)) or {}
  if #deliveries > 0 then settled = settled + redis.call('HDEL', set, unpack(deliveries)) end
  for _, record in ipairs(records) do
    if record then end_reference(record) end
  end
  for _, message in ipairs(laned) do
    local delivery, key, status, count = unpack(message)
    local record = may_refer and redis.call('HGET', set, delivery)
    if redis.call('HDEL', set, delivery) == 1 then
      if record then end_reference(record) end
      settled = settled + 1
      leave_lane(lanes, key, id, delivery, status, count)
    end
  end
  end_if_empty(set, id, open_sets, queue, job_prefix .. id, lease_prefix .. id, starts_prefix .. id)
end
if settled > 0 then
  add_to(ledger, ledger_field, settled)
  record_history(history_options, history_entry, history_names, history_records, now_ms)
end
if lanes then
  count_dropped(lanes, ledger)
  overtaken = lanes.overtaken or 0
end
return {settled, overtaken}

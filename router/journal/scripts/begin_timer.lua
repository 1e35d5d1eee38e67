#!lua flags=allow-oom
local record, queue, job, lease, starts, timers, open_batches, moves, watch = unpack(KEYS)
local id, token, set_ms, parts_prefix, watch_ms = unpack(ARGV)
-- Begins the work on a timer: it is read. If there is no such timer, its job ends. Idempotent.
--
-- Says also whether the oldest open batch was accepted before the timer was due, and how long that batch has
-- been the oldest one and lost no event. This is measured from the first check, and from zero if no worker has
-- checked for watch_ms, because then no worker may have evaluated batches either.
-- Returns: the timer's record; and if there is such a batch, its id and the ms since it changed. Nothing if there
-- is no such timer. -1, unchanged, if the caller has a token that is not that of the lease.
if token ~= '' and redis.call('GET', lease) ~= token then return -1 end
local content = redis.call('GET', record)
if not content then
  end_job(id, queue, job, lease, starts)
  return nil
end

-- Returns the oldest batch if it was accepted before the timer was due; nil otherwise.
local function earlier_batch()
  -- While due times are moved, because Redis's clock was set back, neither of them may be there.
  local moved = redis.pcall('HLEN', moves)
  if type(moved) == 'number' and moved > 0 then return '' end
  local due = redis.pcall('ZSCORE', timers, id)
  local oldest = redis.pcall('ZRANGE', open_batches, 0, 0, 'WITHSCORES')
  if type(due) ~= 'string' or oldest.err or not oldest[1] then return nil end
  return tonumber(oldest[2]) < tonumber(due) and oldest[1] or nil
end

local batch = earlier_batch()
if not batch then return {content} end
local parts = redis.pcall('GET', parts_prefix .. batch)
local state = batch .. ' ' .. (type(parts) == 'string' and parts or '0')
local now = clock_ms(set_ms)
local since, known = string.match(run_or_delete('GET', watch) or '', '^(%d+) (.*)$')
if known ~= state or tonumber(since) > now then since = now end
redis.call('SET', watch, string.format('%.0f %s', since, state), 'PX', watch_ms)
return {content, batch, now - since}

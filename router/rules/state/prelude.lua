local work, results = unpack(KEYS)
local now, settings, chains = unpack(ARGV, 1, 3)
-- Decides the chains of a batch or a timer, each once: a chain that was decided before, by a run that
-- crashed or by another worker, has its stored result and changes nothing. Guarded by the existence of
-- the work, because its results are deleted when it is finished.
--
-- This file, window.lua, the files of the features in their order, and dispatch.lua are one script. Each step has
-- a function in the file of its feature, with the same transition as in the Python beside it; a test
-- compares the two. Keys of records are made from a prefix, a state and a digest.
--
-- Returns: false if the work is finished; else for each chain its number and {outcome, reason, count,
--          held back, first, escalates, withdrawn, notified, overflowed, alert}, a list of words if
--          something was measured, and what else a step returns
if redis.call('EXISTS', work) == 0 then return false end
now = tonumber(now)
settings = cmsgpack.unpack(settings)
local DAY = 86400000

-- The functions of all steps. Each returns true if it stops its chain. draft.opened is the
-- chain's keyed alert.
local steps = {}

local function place(state, key) return settings.state .. state .. ':' .. key end
local function index(state) return settings.keys .. state end

-- Reserves room for a key for so many ms. Returns false, and notes it, if its state is full. Only a few
-- keys that have ended are dropped at once, so that no call takes long.
local function touch(draft, state, key, lasts)
  local keys = index(state)
  if not redis.call('ZSCORE', keys, key) and redis.call('ZCARD', keys) >= settings.keys_limit then
    local ended = redis.call('ZRANGEBYSCORE', keys, '-inf', now, 'LIMIT', 0, 100)
    if #ended > 0 then redis.call('ZREM', keys, unpack(ended)) end
    if redis.call('ZCARD', keys) >= settings.keys_limit then
      draft.overflowed = 1
      return false
    end
  end
  redis.call('ZADD', keys, 'GT', now + lasts, key)
  if redis.call('PTTL', keys) < lasts then redis.call('PEXPIRE', keys, lasts) end
  return true
end

-- Extends the TTL of a record to at least so many ms.
local function extend(at, lasts)
  if redis.call('PTTL', at) < lasts then redis.call('PEXPIRE', at, lasts) end
end

local function drop(state, key)
  redis.call('DEL', place(state, key))
  redis.call('ZREM', index(state), key)
end

local function stop(draft, outcome, reason)
  draft.outcome = outcome
  draft.reason = reason or ''
  return true
end

-- Cancels a timer whose id is known: its record, its job and its place among the open timers.
local function cancel_timer(id)
  redis.call('DEL', settings.timer .. id, settings.job .. id)
  redis.call('ZREM', settings.timers, id)
  redis.call('ZREM', settings.timer_queue, id)
end

-- Returns whether the alerts with this key were acknowledged since a time in Unix ms.
local function is_acknowledged(alert_key, since)
  local at = redis.call('HGET', settings.acknowledgement .. alert_key, 'at')
  return at and tonumber(at) >= tonumber(since)
end

-- Windows, as in window.py. A window is a hash: newest, the part of its newest event; <part>, the figures
-- of each part; closed, those of all parts before the newest together, and before, those of the window
-- before; and beyond, if its figures crossed the threshold. Figures are a msgpack array of numbers, of
-- which the first is how many events there are; it is empty if there are none.

local PARTS = 60

-- A number as a name or a word: each digit is kept.
local function word(number) return string.format('%.17g', number) end

local function read_figures(packed)
  if not packed then return {} end
  local is_readable, figures = pcall(cmsgpack.unpack, packed)
  if not is_readable or type(figures) ~= 'table' then error('unreadable figures') end
  return figures
end

-- The figures of two sets of events together, by a function for two that are not empty.
local function merged(merge, one, other)
  if not one[1] then return other end
  if not other[1] then return one end
  return merge(one, other)
end

local function add(one, other)
  local sums = {}
  for i = 1, #one do sums[i] = one[i] + other[i] end
  return sums
end

-- The figures of the parts from the first to the last one together, in their order.
local function fold(window, first, last, merge)
  local names, folded = {}, {}
  for part = first, last do names[#names + 1] = word(part) end
  for _, packed in ipairs(redis.call('HMGET', window, unpack(names))) do
    folded = merged(merge, folded, read_figures(packed))
  end
  return folded
end

local function drop_parts(window, first, last)
  local names = {}
  for part = first, last do names[#names + 1] = word(part) end
  if #names > 0 then redis.call('HDEL', window, unpack(names)) end
end

-- Adds an event to the windows of a key. Returns the hash, the part of the newest event, that of this one,
-- and the figures of the window and of the one before it (if two spans are stored); nothing if the event
-- was not added, and the chain is stopped.
local function observe(draft, state, key, at, within, spans, own, merge)
  if not own[1] then
    stop(draft, 'counted', 'no_value')
    return nil
  end
  if not touch(draft, state, key, 2 * within) then
    stop(draft, 'counted')
    return nil
  end
  local window = place(state, key)
  local part = math.floor(at / math.ceil(within / PARTS))
  local name = word(part)
  local stored = redis.call('HMGET', window, 'newest', 'closed', 'before', name)
  local newest = tonumber(stored[1])
  if newest and part <= newest - PARTS * spans then
    stop(draft, 'counted', 'late')
    return nil
  end
  local figures = merged(merge, read_figures(stored[4]), own)
  local closed, before = stored[2], stored[3]
  if part ~= newest then
    if newest and part > newest then
      drop_parts(window, newest - PARTS * spans + 1, math.min(newest, part - PARTS * spans))
      if part - newest >= PARTS then redis.call('HDEL', window, 'beyond') end
    end
    redis.call('HSET', window, name, cmsgpack.pack(figures))
    newest = math.max(newest or part, part)
    closed = cmsgpack.pack(fold(window, newest - PARTS + 1, newest - 1, merge))
    redis.call('HSET', window, 'newest', word(newest), 'closed', closed)
    if spans > 1 then
      before = cmsgpack.pack(fold(window, newest - 2 * PARTS + 1, newest - PARTS, merge))
      redis.call('HSET', window, 'before', before)
    end
    if part < newest then figures = read_figures(redis.call('HGET', window, word(newest))) end
  else
    redis.call('HSET', window, name, cmsgpack.pack(figures))
  end
  extend(window, 2 * within)
  return window, newest, part, merged(merge, read_figures(closed), figures), read_figures(before)
end

-- Decides what the figures of a window mean, of which is_beyond says that enough events are beyond the
-- threshold. Returns whether the chain is stopped, and whether the figures cross the threshold now.
local function judge(draft, window, is_beyond, is_back, resolves)
  if is_back then
    redis.call('HDEL', window, 'beyond')
    draft.is_back = resolves
    return not resolves and stop(draft, 'counted'), false
  end
  if not is_beyond or redis.call('HSETNX', window, 'beyond', 1) == 0 then
    return stop(draft, 'counted'), false
  end
  return false, true
end

-- Notes the figures of a window in the result, and in the alert for the steps that store it.
local function measure(draft, words)
  draft.words = words
  if draft.alert and draft.alert ~= '' then
    draft.unmeasured = draft.unmeasured or draft.alert
    draft.alert = string.sub(draft.unmeasured, 1, -2) .. cmsgpack.pack(words)
  end
end

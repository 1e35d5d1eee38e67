-- The figures are: events. The first event of a state that arrived is a string of its own: when it happened.

-- Returns when the first event happened.
local function first_event(state, at, within)
  local since = place(state, 'since')
  local kind = redis.call('TYPE', since).ok
  if kind ~= 'string' and kind ~= 'none' then redis.call('DEL', since) end
  local known = tonumber(redis.call('GET', since) or '')
  if not known then redis.call('SET', since, word(at)) end
  extend(since, 30 * DAY + 2 * within)
  return known or at
end

function steps.check_spike(draft, state, key, at, within, times, min_events, back, resolves)
  local window, newest, _, figures, before = observe(draft, state, key, at, within, 2, {1}, add)
  if not window then return true end
  local total, earlier = figures[1], before[1] or 0
  local first = math.floor(first_event(state, at, within) / math.ceil(within / PARTS))
  local is_known = first <= newest - 2 * PARTS and total >= min_events
  local value = total / math.max(1, earlier)
  local stops, crosses = judge(draft, window, is_known and value >= times, value < back, resolves)
  if crosses then measure(draft, {'spike', word(within), word(earlier), word(total)}) end
  return stops
end

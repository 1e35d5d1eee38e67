-- The events of a key are a sorted set: digest of the event -> when it happened.

function steps.count(draft, state, key, event, at, within, at_least)
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'counted') end
  local events = place(state, key)
  local newest = redis.call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]
  newest = math.max(tonumber(newest) or at, at)
  redis.call('ZREMRANGEBYSCORE', events, '-inf', newest - 2 * within)
  if at <= newest - 2 * within then return stop(draft, 'counted', 'late') end
  if redis.call('ZADD', events, 'NX', at, event) == 0 then return stop(draft, 'counted') end
  extend(events, 2 * within)
  if redis.call('ZCOUNT', events, at - within, at + within) < at_least then
    return stop(draft, 'counted')
  end
  -- A window of at_least events begins at one of these ranks, if it contains this event. Usually there
  -- is one such rank, because the event is the newest.
  local own = redis.call('ZRANK', events, event)
  local from = math.max(0, own - at_least + 1)
  local to = math.min(own, redis.call('ZCARD', events) - at_least)
  for page = from, to, 100 do
    local page_end = math.min(page + 99, to)
    local firsts = redis.call('ZRANGE', events, page, page_end, 'WITHSCORES')
    local lasts = redis.call('ZRANGE', events, page + at_least - 1, page_end + at_least - 1, 'WITHSCORES')
    for i = 2, #firsts, 2 do
      if tonumber(lasts[i]) - tonumber(firsts[i]) < within then
        local first = page + i / 2 - 1
        redis.call('ZREMRANGEBYRANK', events, first, first + at_least - 1)
        if redis.call('EXISTS', events) == 0 then redis.call('ZREM', index(state), key) end
        draft.count = at_least
        return false
      end
    end
  end
  return stop(draft, 'counted')
end

-- Whether one of the spans that contain an event has enough different values, by all events near it.
local function has_span(near, at, within, at_least)
  local values, different, reached = {}, 0, 1
  for start = 1, #near, 2 do
    local first, value = tonumber(near[start + 1]), string.sub(near[start], 1, -2)
    if first > at then return false end
    while near[reached] and tonumber(near[reached + 1]) - first < within do
      local each = string.sub(near[reached], 1, -2)
      if not values[each] then different = different + 1 end
      values[each] = (values[each] or 0) + 1
      reached = reached + 2
    end
    if different >= at_least then return true end
    values[value] = values[value] - 1
    if values[value] == 0 then
      values[value] = nil
      different = different - 1
    end
  end
  return false
end

-- The events of a key are a sorted set: digest of the value and a digit -> when the event happened. A value
-- has at most four events, as count.py says, and a fifth while it is added.
function steps.count_distinct(draft, state, key, value, at, within, at_least)
  if value == '' then return stop(draft, 'counted', 'no_value') end
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'counted') end
  local events = place(state, key)
  local newest = redis.call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]
  newest = math.max(tonumber(newest) or at, at)
  redis.call('ZREMRANGEBYSCORE', events, '-inf', newest - 2 * within)
  if at <= newest - 2 * within then return stop(draft, 'counted', 'late') end
  local before, after, free = {}, {}, nil
  for digit = 0, 4 do
    local name = value .. digit
    local happened = tonumber(redis.call('ZSCORE', events, name) or '')
    if not happened then
      free = free or name
    else
      local side = happened <= at and before or after
      side[#side + 1] = {happened, name}
    end
  end
  -- The nearest first.
  table.sort(before, function(one, other) return one[1] > other[1] end)
  table.sort(after, function(one, other) return one[1] < other[1] end)
  local last, next_one = before[1] and before[1][1], after[1] and after[1][1]
  if last == at or last and next_one and next_one - last < within then return stop(draft, 'counted') end
  redis.call('ZADD', events, at, free)
  if before[2] and at - before[2][1] < within then redis.call('ZREM', events, before[1][2]) end
  if after[2] and after[2][1] - at < within then redis.call('ZREM', events, after[1][2]) end
  extend(events, 2 * within)
  local from = '(' .. word(math.max(at - within, last or at - within))
  local to = '(' .. word(math.min(at + within, next_one or at + within))
  if redis.call('ZCOUNT', events, from, to) < at_least then return stop(draft, 'counted') end
  local near = redis.call('ZRANGEBYSCORE', events, from, to, 'WITHSCORES')
  if not has_span(near, at, within, at_least) then return stop(draft, 'counted') end
  drop(state, key)
  draft.count = at_least
  measure(draft, {'distinct', word(within), word(at_least)})
  return false
end

-- The last events of a key are a sorted set: the event as a member -> when it happened.
function steps.keep_event(draft, state, key, at, within, keep, member)
  if not touch(draft, state, key, 2 * within) then return false end
  local kept = place(state, key)
  redis.call('ZADD', kept, at, member)
  local newest = tonumber(redis.call('ZREVRANGE', kept, 0, 0, 'WITHSCORES')[2])
  redis.call('ZREMRANGEBYSCORE', kept, '-inf', newest - 2 * within)
  redis.call('ZREMRANGEBYRANK', kept, 0, -keep - 1)
  extend(kept, 2 * within)
  return false
end

function steps.take_kept(draft, state, key, at, within, member)
  local kept = place(state, key)
  local from, to = '(' .. word(at - within), '(' .. word(at + within)
  local near = redis.call('ZRANGEBYSCORE', kept, from, to)
  redis.call('ZREMRANGEBYSCORE', kept, from, to)
  if redis.call('ZCARD', kept) == 0 then drop(state, key) end
  local words = {unpack(draft.words or {})}
  local figures = #words
  words[figures + 1] = 'members'
  for _, each in ipairs(near) do
    if each ~= member then words[#words + 1] = each end
  end
  if #words > figures + 1 then measure(draft, words) end
  return false
end

-- What breaks a row is a sorted set of a state of its own: digest of the event -> when it happened.

-- Returns a key's events and breaks, after dropping those older than two spans, and whether an event is too
-- old to be one of them.
local function row_of(state, key, broken, at, within)
  local events, breaks = place(state, key), place(broken, key)
  local newest = at
  for _, each in ipairs({events, breaks}) do
    newest = math.max(newest, tonumber(redis.call('ZREVRANGE', each, 0, 0, 'WITHSCORES')[2]) or at)
  end
  for _, each in ipairs({events, breaks}) do
    redis.call('ZREMRANGEBYSCORE', each, '-inf', newest - 2 * within)
  end
  local is_old = at <= newest - 2 * within
  if redis.call('ZCARD', breaks) >= settings.breaks_limit then
    is_old = is_old or at < tonumber(redis.call('ZRANGE', breaks, 0, 0, 'WITHSCORES')[2])
  end
  return events, breaks, is_old
end

function steps.count_in_a_row(draft, state, key, broken, event, at, within, at_least)
  if not touch(draft, state, key, 2 * within) then return stop(draft, 'counted') end
  local events, breaks, is_old = row_of(state, key, broken, at, within)
  if is_old then return stop(draft, 'counted', 'late') end
  if redis.call('ZADD', events, 'NX', at, event) == 0 then return stop(draft, 'counted') end
  extend(events, 2 * within)
  local before = redis.call('ZREVRANGEBYSCORE', breaks, at, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local after = redis.call('ZRANGEBYSCORE', breaks, word(at + 1), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  local first = math.max(at - within + 1, tonumber(before) or at - within + 1)
  local last = math.min(at + within, tonumber(after) or at + within) - 1
  local row = redis.call('ZRANGEBYSCORE', events, word(first), word(last), 'WITHSCORES')
  local names, times, own = {}, {}, 0
  for i = 1, #row, 2 do
    names[#names + 1], times[#times + 1] = row[i], tonumber(row[i + 1])
    if row[i] == event then own = #names end
  end
  for start = math.max(1, own - at_least + 1), math.min(own, #names - at_least + 1) do
    if times[start + at_least - 1] - times[start] < within then
      redis.call('ZREM', events, unpack(names, start, start + at_least - 1))
      if redis.call('EXISTS', events) == 0 then redis.call('ZREM', index(state), key) end
      draft.count = at_least
      return false
    end
  end
  return stop(draft, 'counted')
end

function steps.break_row(draft, state, key, broken, event, at, within)
  local events, breaks, is_old = row_of(state, key, broken, at, within)
  if not touch(draft, broken, key, 2 * within) then
    redis.call('ZREMRANGEBYSCORE', events, '-inf', word(at - 1))
  elseif not is_old then
    redis.call('ZADD', breaks, at, event)
    extend(breaks, 2 * within)
    if redis.call('ZCARD', breaks) > settings.breaks_limit then
      redis.call('ZREMRANGEBYRANK', breaks, 0, 0)
      local oldest = redis.call('ZRANGE', breaks, 0, 0, 'WITHSCORES')[2]
      redis.call('ZREMRANGEBYSCORE', events, '-inf', word(tonumber(oldest) - 1))
    end
  end
  return stop(draft, 'nothing', is_old and 'late' or nil)
end

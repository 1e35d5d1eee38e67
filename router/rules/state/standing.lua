-- The functions of the steps that measure. Each gets the key of its record, and the fields of the step after
-- its state; it returns words as Step.standing does.
local standing = {}

-- The part of the newest event of a window; nothing if there is none.
local function newest_of(window) return tonumber(redis.call('HGET', window, 'newest') or '') end

local function figures_of(window, newest, merge) return fold(window, newest - PARTS + 1, newest, merge) end

function standing.check_ratio(window, key, at, within)
  local figures = figures_of(window, newest_of(window), add)
  return {'ratio', word(within), word(figures[2]), word(figures[1])}
end

function standing.check_spike(window, key, at, within)
  local newest = newest_of(window)
  local before = fold(window, newest - 2 * PARTS + 1, newest - PARTS, add)[1] or 0
  return {'spike', word(within), word(before), word(figures_of(window, newest, add)[1])}
end

function standing.check_measure(window, key, at, within, statistic)
  local figures = figures_of(window, newest_of(window), merges[statistic] or add)
  return {statistic, word(within), word(found_of(statistic, figures)), word(figures[1])}
end

function standing.check_percentile(window, key, at, within, percent, value, min_events, bound)
  local newest = newest_of(window)
  local total = figures_of(window, newest, add)[1]
  local bin = bin_at(window, newest, rank_of(percent, total), bound[3])
  return {'p' .. percent, word(within), word(bin), word(total), bound[1], word(bound[2])}
end

-- When the newest event of a sorted set happened.
local function newest_in(events) return tonumber(redis.call('ZREVRANGE', events, 0, 0, 'WITHSCORES')[2]) end

function standing.count(events, key, event, at, within, at_least)
  local newest = newest_in(events)
  local count = redis.call('ZCOUNT', events, word(newest - within + 1), word(newest))
  return {'count', word(within), word(count), word(at_least)}
end

function standing.count_distinct(events, key, value, at, within)
  local newest = newest_in(events)
  local values, different = {}, 0
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', events, word(newest - within + 1), word(newest))) do
    local each = string.sub(member, 1, -2)
    if not values[each] then different = different + 1 end
    values[each] = true
  end
  return {'distinct', word(within), word(different)}
end

function standing.count_in_a_row(events, key, broken, event, at, within, at_least)
  local newest = newest_in(events)
  local broke = newest_in(state .. broken .. ':' .. key) or 0
  local first = math.max(newest - within + 1, broke)
  local count = redis.call('ZCOUNT', events, word(first), word(newest))
  return {'row', word(within), word(count), word(at_least)}
end

function standing.check_first_seen(seen, key, value, at, forget)
  return {'seen', word(forget), word(tonumber(redis.call('ZSCORE', seen, value)))}
end

function standing.follow(firsts, key, waiting, event, at, within, at_least, tolerance)
  local from, to = at - within + 1, at + tolerance
  local count = redis.call('ZCOUNT', firsts, word(from), word(to))
  local own = tonumber(redis.call('ZSCORE', firsts, event) or '')
  if own and own >= from and own <= to then count = count - 1 end
  return {'follows', word(within), word(count), word(at_least)}
end

function standing.expect(expectation, key, event, at, lasts)
  if redis.call('HEXISTS', expectation, 'pending') == 0 then return {} end
  return {'expected', word(lasts), word(tonumber(redis.call('HGET', expectation, 'pending_at')))}
end

standing.expect_row = standing.expect

local replies = {}
for at, step in ipairs(cmsgpack.unpack(program)) do
  local measures = standing[step[1]]
  local ok, words = false, nil
  if measures and redis.call('EXISTS', places[at]) == 1 then
    -- A record that cannot be read has nothing; the script that decides moves it aside.
    ok, words = pcall(measures, places[at], unpack(step, 3, 9))
  end
  replies[at] = ok and words or {}
end
return replies

-- The figures are: events; then the sum of their numbers, the least or greatest one, the mean and the sum of
-- squared differences from it, or how many are beyond the threshold and beyond where it is back. The bins of each part are a hash
-- beside the window: bin -> how many numbers.

local function merge_least(one, other) return {one[1] + other[1], math.min(one[2], other[2])} end
local function merge_greatest(one, other) return {one[1] + other[1], math.max(one[2], other[2])} end

local function merge_deviation(one, other)
  local count = one[1] + other[1]
  local apart = other[2] - one[2]
  local mean = one[2] + apart * other[1] / count
  return {count, mean, one[3] + other[3] + apart * apart * one[1] * other[1] / count}
end

local merges = {min = merge_least, max = merge_greatest, stddev = merge_deviation}

-- The statistic of figures.
local function found_of(statistic, figures)
  if statistic == 'avg' then return figures[2] / figures[1] end
  if statistic == 'stddev' then return math.sqrt(figures[3] / figures[1]) end
  return figures[2]
end

-- The rank of a percentile, from 1 for the least number.
local function rank_of(percent, total) return math.floor((percent * total + 99) / 100) end

function steps.check_measure(draft, state, key, at, within, statistic, value, min_events, bound)
  local own = value and {1, value} or {}
  if value and statistic == 'stddev' then own[3] = 0 end
  local merge = merges[statistic] or add
  local window, _, _, figures = observe(draft, state, key, at, within, 1, own, merge)
  if not window then return true end
  local found = found_of(statistic, figures)
  local side, limit, back, resolves = bound[1], bound[2], bound[3], bound[4]
  local is_beyond = side == 'above' and found > limit or side == 'below' and found < limit
  local is_back = side == 'above' and found <= back or side == 'below' and found >= back
  local stops, crosses = judge(draft, window, is_beyond and figures[1] >= min_events, is_back, resolves)
  if crosses then measure(draft, {statistic, word(within), word(found), word(figures[1])}) end
  return stops
end

-- Bins are only shown, so that an unreadable one stops nothing.
local function bins_of(window, part) return window .. ':' .. word(part) end

local function store_bin(window, part, bin, otherwise, lasts)
  local bins = bins_of(window, part)
  local name = word(bin)
  local kept = redis.pcall('HLEN', bins)
  if type(kept) ~= 'number' then
    redis.call('DEL', bins)
    kept = 0
  end
  if kept >= settings.bins_limit and redis.call('HEXISTS', bins, name) == 0 then name = word(otherwise) end
  redis.pcall('HINCRBY', bins, name, 1)
  extend(bins, lasts)
end

-- The bin of the number with a rank, from 1 for the least one.
local function bin_at(window, newest, rank, otherwise)
  local counts, bins = {}, {}
  for part = newest - PARTS + 1, newest do
    local found = redis.pcall('HGETALL', bins_of(window, part))
    for i = 1, #found, 2 do
      local bin, count = tonumber(found[i]), tonumber(found[i + 1])
      if bin and count then
        if not counts[bin] then bins[#bins + 1] = bin end
        counts[bin] = (counts[bin] or 0) + count
      end
    end
  end
  table.sort(bins)
  for _, bin in ipairs(bins) do
    rank = rank - counts[bin]
    if rank <= 0 then return bin end
  end
  return otherwise
end

function steps.check_percentile(draft, state, key, at, within, percent, value, min_events, bound)
  local side, limit, limit_bin, back, resolves = bound[1], bound[2], bound[3], bound[4], bound[5]
  local own, bin = {}, nil
  if value then
    local number
    number, bin = value[1], value[2]
    local function beyond(bound_number)
      return (side == 'above' and number > bound_number or side == 'below' and number < bound_number) and 1 or 0
    end
    own = {1, beyond(limit), beyond(back)}
  end
  local window, newest, part, figures = observe(draft, state, key, at, within, 1, own, add)
  if not window then return true end
  store_bin(window, part, bin, limit_bin, 2 * within)
  local total = figures[1]
  local rank = rank_of(percent, total)
  local function exceeds(beyond) return side == 'above' and total - beyond < rank or side == 'below' and beyond >= rank end
  local is_beyond = exceeds(figures[2]) and total >= min_events
  local stops, crosses = judge(draft, window, is_beyond, not exceeds(figures[3]), resolves)
  if crosses then
    bin = bin_at(window, newest, rank, limit_bin)
    measure(draft, {'p' .. percent, word(within), word(bin), word(total), side, word(limit)})
  end
  return stops
end

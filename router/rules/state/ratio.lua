-- The figures are: events, and those of them whose share it is.

function steps.check_ratio(draft, state, key, at, within, is_part, min_events, bound, resolves)
  local own = {}
  if is_part ~= nil then own = {1, is_part and 1 or 0} end
  local window, _, _, figures = observe(draft, state, key, at, within, 1, own, add)
  if not window then return true end
  local total, part = figures[1], figures[2]
  local side, share, back = bound[1], bound[2], bound[3]
  local value = part / total
  local is_beyond = side == 'at_least' and value >= share or side == 'at_most' and value <= share
  local is_back = side == 'at_least' and value < back or side == 'at_most' and value > back
  local stops, crosses = judge(draft, window, is_beyond and total >= min_events, is_back, resolves)
  if crosses then measure(draft, {'ratio', word(within), word(part), word(total)}) end
  return stops
end

-- The figures are: events, and those of them whose share it is.

function steps.check_ratio(draft, state, key, at, within, is_part, min_events, bound)
  local own = {}
  if is_part ~= nil then own = {1, is_part and 1 or 0} end
  local window, _, _, figures = observe(draft, state, key, at, within, 1, own, add)
  if not window then return true end
  local total, part = unpack(figures)
  local side, share = unpack(bound)
  local is_beyond = side == 'at_least' and part / total >= share or side == 'at_most' and part / total <= share
  if not crosses(draft, window, is_beyond, total >= min_events) then return true end
  measure(draft, {'ratio', word(within), word(part), word(total)})
  return false
end

-- The alerts that arose are stored with the results of their batch, so that a rerun finds them, and are
-- deleted with them: '@' and the id of the alert.

function steps.check_first_of(draft, alert, earlier)
  if draft.is_back then return false end
  for _, each in ipairs(earlier) do
    if redis.call('HEXISTS', results, '@' .. each) == 1 then return stop(draft, 'held', 'first_of') end
  end
  redis.call('HSET', results, '@' .. alert, 1)
  return false
end

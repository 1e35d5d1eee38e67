-- The marks of a key are a sorted set: the place of the open alert that inhibits, or '-' if it cannot
-- be resolved -> until when.

function steps.start_inhibition(draft, state, key, lasts, opened)
  if not touch(draft, state, key, lasts) then return false end
  local marks = place(state, key)
  redis.call('ZREMRANGEBYSCORE', marks, '-inf', now)
  redis.call('ZADD', marks, 'GT', now + lasts, opened and draft.opened or '-')
  redis.call('ZREMRANGEBYRANK', marks, 0, -settings.marks_limit - 1)
  extend(marks, lasts)
  return false
end

function steps.check_inhibited(draft, places)
  for _, each in ipairs(places) do
    local after = '(' .. string.format('%.0f', now)
    local marks = redis.call('ZRANGEBYSCORE', place(each[1], each[2]), after, '+inf')
    for _, opened in ipairs(marks) do
      if opened == '-' or redis.call('EXISTS', opened) == 1 then
        return stop(draft, 'held', 'inhibited')
      end
    end
  end
  return false
end

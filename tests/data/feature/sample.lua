function steps.sample(draft, state, key, one_in)
  if not touch(draft, state, key, DAY) then return false end
  local count = redis.call('INCR', place(state, key))
  extend(place(state, key), DAY)
  if count % one_in ~= 1 % one_in then return stop(draft, 'held', 'sampled') end
  return false
end

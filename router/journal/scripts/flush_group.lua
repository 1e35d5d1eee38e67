-- Empties a group into a place of its timer's own; its alerts are now told. Asked again, it finds
-- what was taken. A group in which nothing waits is over. Where all alerts that were kept with it are
-- over, those that were only counted are told instead, as far as they are kept where they are open.
-- KEYS: timer, group, taken, keys of the state
-- ARGV: key, how many alerts are kept with a group
-- Returns: false where the timer is finished; else field, value, ... of what was taken
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local function fields() return redis.call('HGETALL', KEYS[3]) end
if redis.call('EXISTS', KEYS[3]) == 1 then return fields() end
if tonumber(redis.call('HGET', KEYS[2], 'count') or 0) == 0 then
  redis.call('DEL', KEYS[2])
  redis.call('ZREM', KEYS[4], ARGV[1])
  return {}
end
redis.call('RENAME', KEYS[2], KEYS[3])
redis.call('HSET', KEYS[2], 'count', 0, 'joined', 0)
local taken = fields()
local kept, open, numbers = false, {}, {}
for i = 1, #taken, 2 do
  kept = kept or string.sub(taken[i], 1, 6) == 'alert:'
  local number = string.match(taken[i], '^open:(%d+)$')
  if number then
    local opened = taken[i + 1]
    open[number] = opened
    numbers[#numbers + 1] = tonumber(number)
    local waits = 'waits:' .. KEYS[2] .. ' ' .. number
    local send_to = redis.call('HGET', opened, waits)
    if send_to then
      redis.call('HDEL', opened, waits)
      -- By this timer, unless by others before: decide.lua takes it back where nobody is told.
      redis.call('HSETNX', opened, 'told', KEYS[3])
      for name in string.gmatch(send_to, '%S+') do
        redis.call('HSETNX', opened, 'to:' .. name, KEYS[3])
      end
    end
  end
end
if kept then return taken end
table.sort(numbers)
for i = 1, math.min(#numbers, tonumber(ARGV[2])) do
  local number = string.format('%d', numbers[i])
  local alert = redis.call('HGET', open[number], 'alert')
  if alert then redis.call('HSET', KEYS[3], 'alert:' .. number, alert, 'held:' .. number, 0) end
end
return fields()

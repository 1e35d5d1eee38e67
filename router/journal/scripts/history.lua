-- Functions that append to history. router/journal/script.py puts this file after the prelude of each
-- script that uses them; router/journal/history_log.py describes what they store.
--
-- Nothing here may stop work that is in progress: a key of another type is deleted, and history begins
-- again. All keys of a segment expire, so that what is no longer listed does not stay for ever.

local HISTORY, SEGMENTS = 'router:history', 'router:history-segments'
local SEGMENT_RECORDS, ENTRY_BYTES, SEGMENT_BYTES = 8192, 14, 600

local function segment_keys(log, number)
  local name = log .. ':' .. number
  return 'router:history:' .. name, 'router:history-names:' .. name
end

-- The newest segment of a log: its number, the Unix ms of its first and last entry, and its entries,
-- records and bytes. Read and written once for each entry, so of fixed size.
local STATE, STATE_BYTES = '>I4ddI4I4d', 36

local function newest_segment(log)
  local state = redis.pcall('HGET', HISTORY, log)
  if is_wrong_type(state) then redis.call('DEL', HISTORY, SEGMENTS) end
  if type(state) == 'string' and #state == STATE_BYTES then return {struct.unpack(STATE, state)} end
end

local function add_to_closed(bytes)
  local left = redis.pcall('HINCRBY', HISTORY, 'closed', bytes)
  if is_wrong_type(left) then redis.call('DEL', HISTORY) end
  if type(left) ~= 'number' or left < 0 then redis.call('HSET', HISTORY, 'closed', math.max(0, bytes)) end
end

-- Returns the oldest segment that is closed: its member, and what that says; nil if there is none.
local function oldest_segment()
  local member = run_or_delete('ZRANGE', SEGMENTS, 0, 0)[1]
  if not member then
    redis.call('HDEL', HISTORY, 'closed')
    return nil
  end
  local read, closed = pcall(cmsgpack.unpack, member)
  if not read or type(closed) ~= 'table' or type(closed[1]) ~= 'string' then closed = {''} end
  for at = 2, 6 do
    if type(closed[at]) ~= 'number' then closed[at] = 0 end
  end
  return member, closed
end

-- Deletes the oldest segment that is closed. Returns its records and bytes; nil if there is none.
local function evict_oldest()
  local member, closed = oldest_segment()
  if not member then return nil end
  redis.call('UNLINK', segment_keys(closed[1], closed[2]))
  redis.call('ZREM', SEGMENTS, member)
  add_to_closed(-closed[6])
  return closed[5], closed[6]
end

-- Closes the newest segment of a log, so that the next entry opens another one.
local function close_segment(log, state)
  local number, first_ms, bytes = state[1], state[2], state[6]
  local _, names = segment_keys(log, number)
  -- A string that grows has up to twice the memory that it needs; this one has what it needs.
  local stored, rest_ms = redis.pcall('GET', names), redis.call('PTTL', names)
  if type(stored) == 'string' and rest_ms > 0 then redis.call('SET', names, stored, 'PX', rest_ms) end
  local member = cmsgpack.pack({log, number, state[3], state[4], state[5], bytes})
  run_or_delete('ZADD', SEGMENTS, first_ms, member)
  add_to_closed(bytes)
  redis.call('HDEL', HISTORY, log)
  redis.call('HSET', HISTORY, 'last-' .. log, number)
end

local function open_segment(log, limits, now_ms)
  local number = (tonumber(redis.call('HGET', HISTORY, 'last-' .. log)) or 0) + 1
  redis.call('DEL', segment_keys(log, number))
  local evictions = 0
  while limits.total_bytes > 0 and evictions < 8 and
        (tonumber(redis.call('HGET', HISTORY, 'closed')) or 0) > limits.total_bytes - 2 * limits.segment_bytes do
    if not evict_oldest() then break end
    evictions = evictions + 1
  end
  return {number, now_ms, now_ms, 0, 0, SEGMENT_BYTES}
end

-- Appends an entry to a log of history.
--   options: packed; empty if there is no history.
--   entry: records that belong together.
--   names: eight bytes for each name by which one of the records is found.
--   records: how many there are.
local function record_history(options, entry, names, records, now_ms)
  if options == '' or entry == '' then return end
  local limits = cmsgpack.unpack(options)
  local log, state = limits.log, newest_segment(limits.log)
  if state and (state[5] >= SEGMENT_RECORDS or state[6] >= limits.segment_bytes or
                now_ms - state[2] >= limits.segment_ms or now_ms < state[2] - 60000) then
    close_segment(log, state)
    state = nil
  end
  state = state or open_segment(log, limits, now_ms)
  local entries_key, names_key = segment_keys(log, state[1])
  -- The list knows best how many entries it has: its keys may have expired since the last one.
  local at = run_or_delete('RPUSH', entries_key, entry) - 1
  if at == 0 then redis.call('DEL', names_key) end
  local rows = string.gsub(names, '........', '%0' .. string.gsub(struct.pack('>I2', at), '%%', '%%%%'))
  run_or_delete('APPEND', names_key, rows)
  -- A segment may have been opened by a process with a shorter history.
  if redis.call('PTTL', names_key) < limits.kept_ms - limits.segment_ms then
    redis.call('PEXPIRE', entries_key, limits.kept_ms)
    redis.call('PEXPIRE', names_key, limits.kept_ms)
  end
  redis.call('HSET', HISTORY, log, struct.pack(STATE, state[1], state[2], now_ms, at + 1,
             state[5] + records, state[6] + #entry + ENTRY_BYTES + #rows))
end

local segments = KEYS
local packed = unpack(ARGV)
-- Searches the names of some segments of history.
-- Returns: for each segment the positions of its entries that have a record with one of the names, each
--          followed by the number of the name within its entry.
local row, digests, found = 10, cmsgpack.unpack(packed), {}

-- Returns how many names of the same entry stand before the one at a byte.
local function number_within(names, start)
  local place, number = string.sub(names, start + 8, start + 9), 0
  while start > row and string.sub(names, start - 2, start - 1) == place do
    start, number = start - row, number + 1
  end
  return number
end

for at, key in ipairs(segments) do
  local rows, names = {}, redis.pcall('GET', key)
  if type(names) == 'string' then
    for _, digest in ipairs(digests) do
      local start = string.find(names, digest, 1, true)
      while start do
        if (start - 1) % row == 0 then
          rows[#rows + 1] = (struct.unpack('>I2', names, start + 8))
          rows[#rows + 1] = number_within(names, start)
        end
        start = string.find(names, digest, start + 1, true)
      end
    end
  end
  found[at] = rows
end
return found

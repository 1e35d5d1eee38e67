local segments = KEYS
local packed = unpack(ARGV)
-- Searches the names of some segments of history.
-- Returns: for each segment the positions of its entries that have a record with one of the names.
local row, digests, found = 10, cmsgpack.unpack(packed), {}
for at, key in ipairs(segments) do
  local rows, names = {}, redis.pcall('GET', key)
  if type(names) == 'string' then
    for _, digest in ipairs(digests) do
      local start = string.find(names, digest, 1, true)
      while start do
        if (start - 1) % row == 0 then rows[#rows + 1] = (struct.unpack('>I2', names, start + 8)) end
        start = string.find(names, digest, start + 1, true)
      end
    end
  end
  found[at] = rows
end
return found

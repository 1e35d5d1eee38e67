local places = KEYS
local state, program = unpack(ARGV)
-- Returns what steps have measured by now, without a further event; see Step.standing. It only reads.
--
-- This file, window.lua, measure.lua and standing.lua are one script.
-- Returns: for each step a list of words, which is empty if there is nothing
local steps = {}

local commands = unpack(ARGV)
-- Returns: the positions of the commands that the user may not run. Writes nothing.
return denied_commands(cmsgpack.unpack(commands))

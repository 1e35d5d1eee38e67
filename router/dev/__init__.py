"""Development mode: everything in one process with an embedded Redis."""

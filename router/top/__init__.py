"""The live terminal view: what is read of Redis, and how it is drawn."""

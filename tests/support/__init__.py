"""Real servers on loopback that the tests start: no mock of our own code."""

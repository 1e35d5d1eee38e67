"""Rules, their features, and the index of rules that may match an event. No I/O, no clock."""

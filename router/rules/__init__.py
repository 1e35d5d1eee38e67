"""Judging: rules, their conditions, and which of them hold for an event. No I/O, no clock."""

"""Schedules: weekly spans, dates and exceptions, in a time zone, and who is on duty by them."""

"""Event router: evaluates YAML rules against CloudEvents and delivers alerts."""

__version__ = "0.1.0"

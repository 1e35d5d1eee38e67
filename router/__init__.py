"""Event router: takes CloudEvents in, judges them by YAML rules, tells the right people."""

__version__ = "0.1.0"

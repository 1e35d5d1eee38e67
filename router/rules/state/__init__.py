"""Stateful rule features: what a rule remembers between events."""

"""Destinations: one module for each kind, behind one contract."""

"""Readers: one module for each section of the rules folder."""

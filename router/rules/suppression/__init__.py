"""Suppression: silences, mute times and inhibitions."""

"""Senders that the rules folder describes: how each is verified, and what events its requests become."""

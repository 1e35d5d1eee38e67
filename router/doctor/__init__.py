"""Checks what an operator would have to check by hand: facts are gathered, then judged by pure functions."""

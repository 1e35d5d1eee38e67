"""The queue: polling arq jobs, supervision and protection against poison messages."""

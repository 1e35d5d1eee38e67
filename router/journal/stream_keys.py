"""The keys of Kinesis streams; ``keys.py`` has their types and lifetimes."""


def stream_checkpoints(stream: str) -> str:
    """Return the key of the checkpoints of a stream's shards."""
    return f"router:stream:{stream}:checkpoints"


def stream_consumers(stream: str) -> str:
    """Return the key of a stream's consumers."""
    return f"router:stream:{stream}:consumers"


def shard_lease(stream: str, shard: str) -> str:
    """Return the key of the lease of a shard."""
    return f"router:stream:{stream}:lease:{shard}"

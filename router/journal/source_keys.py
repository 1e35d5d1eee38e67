"""The keys of what is known of sources; ``keys.py`` has their types and lifetimes."""


def source_counts(source: str) -> str:
    """Return the key of the counts of a source."""
    return f"router:source:{source}"


def source_refusals(source: str) -> str:
    """Return the key of the latest refusals of a source."""
    return f"router:source-refusals:{source}"


def source_writer(process: str) -> str:
    """Return the key of the numbers of a process's last additions to sources."""
    return f"router:source-writer:{process}"

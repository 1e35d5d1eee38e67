"""The keys of how destinations are; ``keys.py`` has their types and lifetimes."""


def circuits(destination: str) -> str:
    """Return the key of the states of a destination's circuits."""
    return f"router:circuits:{destination}"


def last_error(destination: str) -> str:
    """Return the key of the last error of a destination."""
    return f"router:last-error:{destination}"


def tested(destination: str) -> str:
    """Return the key that exists for a while after a test message to a destination."""
    return f"router:tested:{destination}"


def test_result(delivery_id: str) -> str:
    """Return the key of the result of a test message."""
    return f"router:test-result:{delivery_id}"

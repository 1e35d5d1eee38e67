"""Sentences for ``explain``: how a rule's state affects an event, without asking the store.

The order is that in which a worker decides. Only the store knows whether a count is reached, or
whether destinations were notified before.
"""

from collections.abc import Iterator
from typing import Any

from router.rules.model import EventWatch, Rule


def describe_state(rule: Rule, event: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each feature of a rule that matches the event, a whole CloudEvent."""
    for feature in rule.features.met:
        yield from feature.describe(event)


def describe_ending(watch: EventWatch, event: dict[str, Any]) -> str:
    """Return what an event that ends something means to the rule of the watch."""
    sentence = "" if watch.ends is None else watch.ends.describe_ending(event)
    return f"{watch.rule.name}: {sentence}"

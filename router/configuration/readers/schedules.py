"""Read items of the section ``schedules``, and the keys ``during`` and ``outside`` that name them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from router.configuration.convert import Converter
from router.configuration.sections import SectionItem
from router.configuration.variables import NoVariables
from router.configuration.yaml.document import ListNode, MapNode, Node, Scalar, YamlDocument
from router.rules.model import name_problem
from router.rules.schedules.duty import Duty
from router.rules.schedules.schedule import Schedule, schedule
from router.rules.schedules.schedule_text import ScheduleText
from router.suggestions import suggestion

DEPENDENCIES_LIMIT: Final = 100
"""Schedules that one may name, or depend on by its exceptions and theirs."""

_DUTY_KEYS: Final = ("during", "outside")


class Schedules(msgspec.Struct, frozen=True):
    """The schedules that rules, routes and mute times can name."""

    names: Collection[str] | None = frozenset()
    """None if not all of them are known."""
    by_name: Mapping[str, Schedule] = MappingProxyType({})
    """Those that are valid."""

    def duty(self, document: YamlDocument, node: MapNode) -> Duty | None:
        """Return what ``during`` and ``outside`` of a map say; None if it has neither.

        Names that do not exist are reported.
        """
        if not any(entry.key.text in _DUTY_KEYS for entry in node.entries):
            return None
        during, outside = (self.named(document, node.get(key), key) for key in _DUTY_KEYS)
        return Duty(during, outside)

    def named(self, document: YamlDocument, node: Node | None, key: str) -> tuple[Schedule, ...]:
        """Return the valid schedules that a text or a list names; report the others."""
        if isinstance(node, ListNode) and not node.items:
            document.report(node.span, f"{key} is empty, it needs at least one")
        seen: dict[str, None] = {}
        for item in _names(node):
            if item.text in seen:
                document.report(item.span, f'{key} names "{item.text}" twice')
            elif self.names is not None and item.text not in self.names:
                message = f'there is no schedule "{item.text}"'
                document.report(item.span, message, suggestion(item.text, self.names))
            seen[item.text] = None
        if len(seen) > DEPENDENCIES_LIMIT and node is not None:
            document.report(node.span, f"{key} has {len(seen)} items, at most {DEPENDENCIES_LIMIT}")
        return tuple(self.by_name[name] for name in seen if name in self.by_name)


class ScheduleReader:
    """Reads the section ``schedules``, whose items name each other.

    Args:
        items: All items of the section.
        names: Their names; None if not all of them are known.
    """

    def __init__(self, items: Iterable[SectionItem], names: Collection[str] | None) -> None:
        self._names = names
        self._texts: dict[str, ScheduleText | None] = {}
        self._compiled: dict[str, Schedule | None] = {}
        for item in items:
            name = item.entry.key.text
            converter = Converter(item.document, NoVariables())
            text = converter.convert(item.node, ScheduleText, f'schedule "{name}"')
            self._texts[name] = text if isinstance(text, ScheduleText) else None

    def read(self, item: SectionItem) -> Schedule | None:
        """Return a schedule; None after reporting its problems."""
        name = item.entry.key
        problem = name_problem(name.text)
        if problem is not None:
            item.document.report(name.span, *problem)
        before = len(item.document.errors)
        excepted = item.node.get("except") if isinstance(item.node, MapNode) else None
        Schedules(self._names).named(item.document, excepted, "except")
        text = self._texts[name.text]
        if text is None or len(item.document.errors) > before:
            return None
        reached = self._reached(text)
        if excepted is not None and name.text in reached:
            message = f'the schedule "{name.text}" is an exception to itself'
            through = sorted(reached - {name.text})
            item.document.report(excepted.span, message, _through(through))
            return None
        found = self._compile(name.text) if len(reached) <= DEPENDENCIES_LIMIT else None
        if excepted is not None and (found is None or _size(found) > DEPENDENCIES_LIMIT):
            message = f"except depends on more than {DEPENDENCIES_LIMIT} schedules"
            item.document.report(excepted.span, message, "put their times into fewer schedules")
            return None
        return found

    def _reached(self, text: ScheduleText) -> set[str]:
        """Return the names of the schedules that are exceptions, and exceptions to these."""
        reached: set[str] = set()
        waiting = list(text.except_)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += self._exceptions(name)
        return reached

    def _exceptions(self, name: str) -> tuple[str, ...]:
        text = self._texts.get(name)
        return text.except_ if text is not None else ()

    def _compile(self, name: str) -> Schedule | None:
        """Return a schedule; None if it is invalid or, meanwhile, being compiled."""
        if name not in self._compiled:
            self._compiled[name] = None
            text = self._texts.get(name)
            if text is not None:
                exceptions = (self._compile(each) for each in text.except_)
                known = tuple(each for each in exceptions if each is not None)
                self._compiled[name] = schedule(name, text, known)
        return self._compiled[name]


def named_schedules(nodes: Iterable[Node]) -> Iterator[str]:
    """Yield the names in ``during`` and ``outside`` of rules, routes and mute times, and in ``except``."""
    for node in nodes:
        if not isinstance(node, MapNode):
            continue
        for key in (*_DUTY_KEYS, "except"):
            yield from (each.text for each in _names(node.get(key)))
        send_to = node.get("send_to")
        if isinstance(send_to, ListNode):
            yield from named_schedules(send_to.items)


def _names(node: Node | None) -> Iterator[Scalar]:
    """Yield the texts of a text or a list."""
    for item in node.items if isinstance(node, ListNode) else (node,):
        if isinstance(item, Scalar):
            yield item


def _size(one: Schedule) -> int:
    """Return the number of schedules that one is evaluated by, besides itself."""
    sizes: dict[int, int] = {}

    def size(each: Schedule) -> int:
        if id(each) not in sizes:
            sizes[id(each)] = sum(1 + size(exception) for exception in each.exceptions)
        return sizes[id(each)]

    return size(one)


def _through(names: Sequence[str]) -> str:
    return f"by way of {', '.join(names)}: remove one of them" if names else "remove it"

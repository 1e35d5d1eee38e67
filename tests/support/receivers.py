"""The three receivers of the shipped rules, and the events that each has received."""

import re
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from support.mail import SmtpSink
from support.sinks import HttpSink
from support.waiting import until


def unhurried(rules: Path, folder: Path) -> Path:
    """Copy the rules to ``folder`` without Slack's rate, for tests with many alerts."""
    for file in rules.glob("*.yaml"):
        text = file.read_text().replace("slack: {", "slack: {rate: null, ")
        (folder / file.name).write_text(text)
    return folder


class Receivers:
    """A Slack webhook, a mail server and a ticket system on loopback."""

    def __init__(self) -> None:
        self.slack = HttpSink()
        self.mail = SmtpSink()
        self.tickets = HttpSink()
        self._texts: list[bytes] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for sink in (self.slack, self.mail, self.tickets):
            await self._stack.enter_async_context(sink)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def environ(self) -> dict[str, str]:
        """Return the variables of rules/destinations.yaml."""
        return {
            "SLACK_WEBHOOK_URL": self.slack.url,
            "SMTP_URL": self.mail.url(),
            "TICKETS_URL": self.tickets.url,
            "TICKETS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        }

    def counts(self) -> dict[str, int]:
        return {
            "slack": len(self.slack.requests),
            "mail": len(self.mail.mails),
            "tickets": len(self.tickets.requests),
        }

    def delivered(self, ids: set[str]) -> dict[str, Counter[str]]:
        """Return how often each receiver has received each event id."""
        for mail in self.mail.mails[len(self._texts) :]:  # each once, because parsing is slow
            text = mail.message().get_body(("plain",))
            assert text is not None
            self._texts.append(text.get_content().encode())
        bodies = {
            "slack": [request.body for request in self.slack.requests],
            "mail": self._texts,
            "tickets": [request.body for request in self.tickets.requests],
        }
        return {
            name: Counter(event_id for body in each for event_id in _ids_in(body) & ids)
            for name, each in bodies.items()
        }

    async def have_all(self, ids: set[str], *, seconds: float) -> dict[str, Counter[str]]:
        """Wait until each receiver has each event; raise TimeoutError after ``seconds``."""

        async def complete() -> dict[str, Counter[str]] | None:
            if min(self.counts().values()) < len(ids):
                return None
            delivered = self.delivered(ids)
            return delivered if all(set(has) == ids for has in delivered.values()) else None

        return await until(complete, seconds=seconds)


def _ids_in(body: bytes) -> set[str]:
    """Return the event ids in a body; in tests they are ``NO`` and a number."""
    return {found.decode() for found in re.findall(rb"NO\d+", body)}

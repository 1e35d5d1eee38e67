"""Slack's Web API on loopback, as far as threads depend on it."""

from itertools import count
from typing import Any

import msgspec

from support.sinks import HttpSink, Received, Reply


def said(**answer: object) -> Reply:
    """A reply of the Web API, which has status 200 even if the call failed."""
    return Reply(200, msgspec.json.encode(answer))


class Slack(HttpSink):
    """A workspace with one channel. Calls succeed unless scripted or refused otherwise.

    As Slack does, it posts the reply to a deleted message into the channel, without an error.
    """

    def __init__(self, *script: Reply) -> None:
        super().__init__(*script)
        self._numbers = count(1)
        self.standing: dict[str, Any] = {}
        """The messages that are not deleted, by ``ts``."""
        self.update_replies: list[Reply] = []
        """Replies to the next calls of chat.update."""

    def reply_to(self, request: Received) -> Reply:
        sent = request.json()
        if request.path.endswith("chat.update"):
            if self.update_replies:
                return self.update_replies.pop(0)
            return self._update(sent)
        ts = f"170000000{next(self._numbers)}.000100"
        thread = {"thread_ts": sent["thread_ts"]} if sent.get("thread_ts") in self.standing else {}
        self.standing[ts] = sent | {"thread_ts": None} | thread
        message = {"ts": ts, "text": sent.get("text", ""), **thread}
        return said(ok=True, channel=sent["channel"], ts=ts, message=message)

    def _update(self, sent: dict[str, Any]) -> Reply:
        if sent["ts"] not in self.standing:
            return said(ok=False, error="message_not_found")
        self.standing[sent["ts"]] |= sent
        return said(ok=True, channel=sent["channel"], ts=sent["ts"])

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """Each call: the method and its arguments."""
        return [(each.path.removeprefix("/api/"), each.json()) for each in self.requests]

    @property
    def posts(self) -> list[Any]:
        """The arguments of each chat.postMessage."""
        return [sent for method, sent in self.calls if method == "chat.postMessage"]

    @property
    def updates(self) -> list[Any]:
        """The arguments of each chat.update."""
        return [sent for method, sent in self.calls if method == "chat.update"]

"""Builds the console of operators, which every process serves beside the API."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from router.api.access import Access
from router.clock import Clock
from router.configuration.reload import Reloader
from router.console.frame_figures import FrameReader
from router.console.live_hub import LiveHub
from router.console.live_stream import LiveStream
from router.console.live_topics import state_topic
from router.console.login import LoginPages
from router.console.login_attempts import LoginAttempts
from router.console.overview import OverviewPage
from router.console.pages import ConsoleFrame
from router.console.session import Sessions
from router.journal.audit import Audit
from router.journal.connection import Connection


class Console(msgspec.Struct, frozen=True):
    """The console of a process."""

    routes: list[web.RouteDef]
    hub: LiveHub
    """Its ``run`` is a task of the process; ``close`` it before the server drains."""


def build_console(
    connection: Connection,
    clock: Clock,
    access: Access,
    *,
    refusal: Callable[[], Awaitable[str | None]],
    reloader: Reloader | None,
) -> Console:
    """Return the console.

    Args:
        connection: The Redis that it shows.
        clock: Time.
        access: Who may log in.
        refusal: Returns why this process refuses events; None if it accepts them.
        reloader: Knows the active rules; None in a process without rules.
    """
    sessions = Sessions(access, clock.now, clock.new_id)
    figures = FrameReader(
        connection, clock, refusal, lambda: "" if reloader is None else reloader.report.error
    )
    frame = ConsoleFrame(sessions, figures, clock)
    hub = LiveHub([state_topic(figures)])
    return Console(
        [
            *frame.static.routes(),
            *LiveStream(frame, hub).routes(),
            *OverviewPage(frame, figures).routes(),
            # The last ones, because they have the addresses that nothing else has.
            *LoginPages(
                frame, access, LoginAttempts(clock.monotonic), Audit(connection, clock)
            ).routes(),
        ],
        hub,
    )

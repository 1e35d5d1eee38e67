"""Judges this machine: open files, memory, disk, clock, ports (pure)."""

from collections.abc import Iterator
from typing import Final

import msgspec

from router.datatypes import host_in_url
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.quantities import size
from router.settings.model import Settings

_PROCESS_BYTES: Final = 128 << 20
"""Memory of a process beside the bodies that it receives."""
_DISK_BYTES: Final = 1 << 30
_FULL_DISK_BYTES: Final = 100 << 20

_checks = SectionChecks(DoctorSection.MACHINE)


class PortFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a process of these settings listens on."""

    setting: str
    host: str
    port: int
    bind_error: str = ""
    """Why it cannot be listened on; ``""`` if it can."""
    is_router: bool = False
    """Whether a router answers on it."""
    not_ready: str = ""
    """Why that router takes no events, by its ``/readyz``."""
    rules_error: str = ""
    """Why it rejected the last change of its rules."""


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The state of this machine at one time."""

    open_files: int | None
    """The limit of a process; None for no limit."""
    connections: int
    """The connections that this limit allows."""
    memory_limit: int | None = None
    """Bytes that the container may use; None for no limit."""
    folder: str = ""
    """The folder of the embedded Redis; ``""`` if it is not used."""
    free_bytes: int = 0
    """Free bytes of its disk."""
    is_synchronised: bool | None = None
    """Whether the kernel's clock is synchronised; None if it does not report that."""
    ports: tuple[PortFacts, ...] = ()


def judge_machine(facts: MachineFacts, settings: Settings) -> list[DoctorCheck]:
    """Return the checks of this machine."""
    is_served = any(port.is_router for port in facts.ports)
    return [
        _of_open_files(facts, settings),
        *_of_memory(facts, settings),
        *_of_disk(facts),
        *_of_clock(facts),
        *(check for port in facts.ports for check in _of_port(port, is_served=is_served)),
    ]


def _of_open_files(facts: MachineFacts, settings: Settings) -> DoctorCheck:
    limit = "no limit" if facts.open_files is None else f"{facts.open_files} open files"
    if facts.connections >= settings.max_connections:
        return _checks.ok(
            "open files", f"{limit}, enough for {settings.max_connections} connections"
        )
    needed = 2 * settings.max_connections
    return _checks.warning(
        "open files",
        f"{limit} allow {facts.connections} connections, and ROUTER_MAX_CONNECTIONS is"
        f" {settings.max_connections}",
        f"raise the limit: ulimit -n {needed}, or LimitNOFILE={needed} of the systemd unit",
    )


def _of_memory(facts: MachineFacts, settings: Settings) -> Iterator[DoctorCheck]:
    if facts.memory_limit is None:
        return
    bodies = settings.max_body_memory
    limit = f"the container may use {size(facts.memory_limit)}"
    if facts.memory_limit >= bodies + _PROCESS_BYTES:
        yield _checks.ok("memory", limit)
        return
    yield _checks.warning(
        "memory",
        f"{limit}, and a process may need {size(bodies)} for bodies beside {size(_PROCESS_BYTES)}",
        "raise the container's limit, or lower ROUTER_MAX_BODY_MEMORY",
    )


def _of_disk(facts: MachineFacts) -> Iterator[DoctorCheck]:
    if not facts.folder:
        return
    message = f"{size(facts.free_bytes)} free for the embedded Redis in {facts.folder}"
    fix = "make room, or choose another folder: router dev --data FOLDER"
    if facts.free_bytes < _FULL_DISK_BYTES:
        yield _checks.problem("disk", message, fix)
    elif facts.free_bytes < _DISK_BYTES:
        yield _checks.warning("disk", message, fix)
    else:
        yield _checks.ok("disk", message)


def _of_clock(facts: MachineFacts) -> Iterator[DoctorCheck]:
    if facts.is_synchronised is None:
        return
    if facts.is_synchronised:
        yield _checks.ok("clock", "the kernel's clock is synchronised")
    else:
        yield _checks.warning(
            "clock",
            "the kernel says that nothing synchronises its clock",
            "run chronyd or systemd-timesyncd on the host: some senders sign the time",
        )


def _of_port(port: PortFacts, *, is_served: bool) -> Iterator[DoctorCheck]:
    where = f"{host_in_url(port.host)}:{port.port} ({port.setting})"
    if not port.is_router:
        if port.bind_error:
            # A router that runs does without the port; another one may need it.
            judged = _checks.warning if is_served else _checks.problem
            yield judged(
                "port",
                f"{where} cannot be listened on: {port.bind_error}, and no router answers there",
                f"end the program that has it, or set {port.setting} or ROUTER_HOST",
            )
        else:
            yield _checks.ok("port", f"{where} is free; no router runs there")
        return
    if port.not_ready:
        message, _, fix = port.not_ready.partition("; ")
        yield _checks.problem(
            "port", f"the router on {where} is not ready: {message}", fix or "see its log"
        )
    else:
        yield _checks.ok("port", f"a router serves {where}, and is ready")
    if port.rules_error:
        yield _checks.warning(
            "rules in force",
            f"the router on {where} rejected the last change of its rules: {port.rules_error}",
            "correct the folder: router check",
        )

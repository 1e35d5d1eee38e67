"""Destinations: whether their servers can be reached."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from router.destinations.contract import Environment
from router.destinations.spec import DestinationSpec
from router.destinations.transport.reachability import Reach, reach
from router.destinations.transport.receiver import Receiver
from router.doctor.certificates import certificate_check, is_soon
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.quantities import duration
from router.settings.choices import Egress

_REACH_SECONDS: Final = 5.0
_AT_ONCE: Final = 200
"""Connections at once: a thousand that do not answer take 25 s, less than the section may."""

_checks = SectionChecks(DoctorSection.DESTINATIONS)


class ReachedReceiver(msgspec.Struct, frozen=True):
    """A server of a destination, and the result of a connection to it."""

    receiver: Receiver
    reach: Reach


async def reach_destinations(
    specs: Iterable[DestinationSpec], environment: Environment
) -> dict[str, Sequence[ReachedReceiver]]:
    """Connect to the servers of all destinations that have them, at once; return the results by name."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def reached(receiver: Receiver) -> ReachedReceiver:
        async with free:
            found = await reach(receiver, environment, seconds=_REACH_SECONDS)
        return ReachedReceiver(receiver, found)

    async with asyncio.TaskGroup() as group:
        tasks = {
            spec.name: [group.create_task(reached(each)) for each in spec.config.receivers]
            for spec in specs
            if spec.config is not None and not spec.missing_variables
        }
    return {name: [task.result() for task in of_name] for name, of_name in tasks.items()}


def judge_destinations(
    specs: Iterable[DestinationSpec],
    reached: Mapping[str, Sequence[ReachedReceiver]],
    egress: Egress,
    now: float,
    *,
    captures: bool,
) -> list[DoctorCheck]:
    """Return the checks of all destinations (pure).

    Args:
        specs: The destinations.
        reached: The results of connections, by name.
        egress: The policy, which a fix names.
        now: Unix seconds, for certificates.
        captures: Whether ``router dev`` has the destinations, which captures what it has no credentials for.
    """
    found: list[DoctorCheck] = []
    for spec in specs:
        if spec.missing_variables or spec.config is None:
            found.append(_of_unset(spec, captures=captures))
        else:
            found += _of_spec(spec, reached.get(spec.name, ()), egress, now)
    return found


def _of_unset(spec: DestinationSpec, *, captures: bool) -> DoctorCheck:
    what, names = f"{spec.name} ({spec.kind})", ", ".join(spec.missing_variables)
    if captures:
        return _checks.ok(spec.name, f"{what} captures: {names} not set")
    return _checks.skipped(spec.name, f"{what} is not tried: {names} not set")


def _of_spec(
    spec: DestinationSpec, reached: Sequence[ReachedReceiver], egress: Egress, now: float
) -> Iterator[DoctorCheck]:
    if not reached:
        how = (
            "captures" if spec.kind == "capture" else "connects by a library; --send-test tries it"
        )
        yield _checks.ok(spec.name, f"{spec.name} ({spec.kind}) {how}")
    for each in reached:
        yield from _of_receiver(spec, each, egress, now)


def _of_receiver(
    spec: DestinationSpec, each: ReachedReceiver, egress: Egress, now: float
) -> Iterator[DoctorCheck]:
    receiver, found = each.receiver, each.reach
    what = f"{spec.name} ({spec.kind})" + (f", {receiver.role}" if receiver.role else "")
    by = " by the proxy" if found.by_proxy else ""
    if found.failure:
        message = f"{what}: {receiver.place}{by}: {found.failure}"
        yield _checks.problem(spec.name, message, _fix(found, receiver, egress))
        return
    is_tls = found.certificate_ends is not None
    seconds = (found.certificate_ends or now) - now
    if is_tls and is_soon(seconds):
        subject = f"{what}: the certificate of {receiver.place}"
        yield certificate_check(_checks, spec.name, subject, seconds)
        return
    valid = f", TLS certificate valid for {duration(seconds)}" if is_tls else ", without TLS"
    yield _checks.ok(spec.name, f"{what}: {receiver.place} accepts connections{by}{valid}")


def _fix(found: Reach, receiver: Receiver, egress: Egress) -> str:
    if found.failure == _FORBIDDEN:
        if egress is Egress.PUBLIC:
            return (
                "use a public address, or set ROUTER_EGRESS=open if the receiver is in this network"
            )
        return "use another address: this one is link-local, or serves the cloud's metadata"
    if found.by_proxy and found.failure in _OF_PLACE:
        return "check ROUTER_PROXY, or proxy of the destination, and that the proxy runs"
    if found.failure in _OF_AUTHORITY:
        own = receiver.tls is not None or receiver.scheme.startswith("smtp")
        where = "tls: {ca: FILE} of the destination" if own else "the system's authorities"
        return f"add its authority to {where}, or give the receiver a certificate of a public one"
    return _FIXES.get(found.failure, "try it with curl from this machine, as the router's user")


_FORBIDDEN: Final = "address not allowed by ROUTER_EGRESS"
_OF_PLACE: Final = frozenset(
    {"connection refused", "timed out", "no route to host", "name not found"}
)
_OF_AUTHORITY: Final = frozenset(
    {"TLS certificate self-signed", "TLS certificate from an unknown authority"}
)
_DNS: Final = "check the name servers of this machine (/etc/resolv.conf)"
_FIREWALL: Final = "open the firewall on the way to it, or set ROUTER_PROXY if a proxy leads out"
_FIXES: Final[Mapping[str, str]] = {
    "name not found": "correct the host in its URL, or its record in the DNS",
    "name lookup failed": _DNS,
    "name lookup timed out": _DNS,
    "connection refused": "start the receiver, or correct host and port in its URL",
    "no route to host": _FIREWALL,
    "timed out": _FIREWALL,
    "timed out waiting for the connection": _FIREWALL,
    "TLS certificate expired": "the receiver's operator must renew it",
    "TLS certificate not yet valid": "compare the clock of this machine with the certificate",
    "TLS certificate for another host name": "write the certificate's name into the URL",
    "TLS handshake failed": "check that this port speaks TLS; another port may",
    "the mail server does not offer STARTTLS": "use smtps://, or smtp:// in a network of your own",
}
"""By the words of an attempt (``router/destinations/transport/network_errors.py``)."""

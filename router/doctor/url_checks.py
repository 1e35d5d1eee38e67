"""The public URL: whether Twilio can call it, and what answers a request signed as Twilio signs.

Two requests are made, each with an empty array and so without an event: one with a good signature, which
the router must accept, and one with a wrong one, which it must refuse. Neither stores anything but the
record of the refusal. That the record stands in the Redis of these settings shows that the router behind the
URL uses this Redis.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec

from router.client.send import without_user
from router.client.twilio_advice import SinkSituation, of_probe, situation_by
from router.client.twilio_probe import ProbeFinding, ProbeReport, probe
from router.client.twilio_urls import SINK_PATH, configured_sink_url, is_private_address, sink_url
from router.client.twilio_watch import IngressWatch
from router.datatypes import Secret
from router.destinations.contract import Environment
from router.destinations.transport.exact_url import exact_url
from router.destinations.transport.reachability import reach
from router.destinations.transport.receiver import Receiver
from router.doctor.certificates import certificate_check, is_soon
from router.doctor.doctor_check import DoctorCheck, DoctorSection, SectionChecks
from router.errors import ConfigurationError, JournalUnavailableError
from router.journal.source_log import RefusedRequest
from router.settings.model import Settings

_REACH_SECONDS: Final = 5.0
_LOOKUP_SECONDS: Final = 2.0
_WRONG_TOKEN: Final = Secret("not-a-token")

_checks = SectionChecks(DoctorSection.URL)


class UrlFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The answers of a URL."""

    url: str
    """Without user and password."""
    signed: ProbeReport | None = None
    """The answer to a good signature; None if no auth token is known."""
    unsigned: ProbeReport
    """The answer to a wrong one."""
    refusal: RefusedRequest | None = None
    """The record of the request that was refused; None if there is none in this Redis."""
    has_record: bool = False
    """Whether Redis was asked for the record."""
    certificate_seconds: float | None = None
    """The time for which the certificate is valid; None without one."""
    private_address: str = ""
    """The address of a private network that the name has here; ``""`` for none."""


def judge_missing_url(settings: Settings) -> list[DoctorCheck]:
    """Return the check of settings without a public URL (pure)."""
    if not settings.twilio_auth_tokens and settings.link_secret is None:
        return [_checks.ok("set", "ROUTER_PUBLIC_URL is not set; Twilio and alert links need it")]
    return [
        _checks.warning(
            "set",
            "ROUTER_PUBLIC_URL is not set, so that signatures are checked for the URL of the request, and"
            " alerts have no links",
            "set it to the URL under which Twilio reaches the router: https://router.example.com",
        )
    ]


def judge_form(url: str, name: str) -> list[DoctorCheck]:
    """Return the check of whether Twilio could call a URL at all (pure).

    Args:
        url: The URL.
        name: The option or setting that has it.
    """
    try:
        sink_url(url, name=name)
    except ConfigurationError as error:
        message, _, fix = str(error).rpartition(": ")
        return [_checks.problem("form", message or str(error), fix)]
    return [_checks.ok("form", f"Twilio may call {sink_url(url)}: https, and a public name")]


def called_url(given: str, settings: Settings) -> str:
    """Return the URL to call (pure): that of an option, else that of the settings; ``""`` for none."""
    if not given:
        return configured_sink_url(settings.public_url, settings.twilio_url)
    parts = urlsplit(given)
    return parts._replace(path=SINK_PATH).geturl() if parts.path in {"", "/"} else given


def is_callable(url: str) -> bool:
    """Return whether a request can be sent to a URL (pure)."""
    try:
        exact_url(url)
    except ValueError:
        return False
    return True


async def read_url_facts(
    url: str,
    settings: Settings,
    environment: Environment,
    watch: IngressWatch | None,
) -> UrlFacts:
    """Send both requests. Does not raise for a fault of the far side.

    Args:
        url: The URL of the sink.
        settings: Give the auth token and the credentials.
        environment: Gives the proxy and the certificates to trust.
        watch: Reads the record of refusals; None if Redis is not available.
    """
    tokens, basic = settings.twilio_auth_tokens, settings.twilio_basic_auth
    credentials = basic[0] if basic else None
    signed = None
    if tokens:
        signed = await probe(url, environment, auth_token=tokens[0], credentials=credentials)
    refusal = None
    try:
        if watch is not None:
            await watch.begin()
        unsigned = await probe(url, environment, auth_token=_WRONG_TOKEN, credentials=credentials)
        if watch is not None and unsigned.is_refused:
            refusal = await watch.await_refusal()
    except JournalUnavailableError:
        watch = None
        unsigned = await probe(url, environment, auth_token=_WRONG_TOKEN, credentials=credentials)
    return UrlFacts(
        url=without_user(url),
        signed=signed,
        unsigned=unsigned,
        refusal=refusal,
        has_record=watch is not None,
        certificate_seconds=await _certificate_seconds(url, environment),
        private_address=await _private_address(url, environment),
    )


def judge_url(facts: UrlFacts, settings: Settings, name: str) -> list[DoctorCheck]:
    """Return the checks of what answers (pure).

    Args:
        facts: The answers.
        settings: Those of this process.
        name: The option or setting that has the URL.
    """
    situation = SinkSituation(
        url=facts.url,
        settings_url=configured_sink_url(settings.public_url, settings.twilio_url),
        has_token=True if settings.twilio_auth_tokens else None,
    )
    report = facts.unsigned if facts.signed is None else facts.signed
    advice = of_probe(report, situation_by(situation, facts.refusal))
    if facts.signed is None and report.finding is ProbeFinding.WRONG_SIGNATURE:
        advice = None
    found: list[DoctorCheck] = []
    if advice is not None:
        remedy = advice.remedy.replace("--url", name).partition("; --no-probe")[0]
        code = report.finding.replace("_", " ")
        found.append(_checks.problem(code, _clause(advice.problem), _clause(remedy)))
    else:
        found += _of_good_answer(facts)
    if facts.certificate_seconds is not None and (
        advice is None or is_soon(facts.certificate_seconds)
    ):
        host = urlsplit(facts.url).netloc
        found.append(
            certificate_check(
                _checks, "certificate", f"the certificate of {host}", facts.certificate_seconds
            )
        )
    if facts.private_address:
        found.append(
            _checks.warning(
                "address",
                f"the name has the private address {facts.private_address} here",
                "check that it has a public one in the DNS of the internet, which Twilio asks",
            )
        )
    return found


def _of_good_answer(facts: UrlFacts) -> Sequence[DoctorCheck]:
    found = []
    if facts.signed is None:
        found.append(
            _checks.warning(
                "signature",
                f"the router answers at {facts.url}; no auth token is set here to sign with",
                "set ROUTER_TWILIO_AUTH_TOKENS as for the router",
            )
        )
    elif facts.signed.finding is ProbeFinding.ACCEPTED:
        found.append(
            _checks.ok("signature", f"{facts.url} accepts a request signed as Twilio signs")
        )
    else:
        reason = facts.signed.reason or f"HTTP {facts.signed.status}"
        found.append(
            _checks.ok(
                "signature", f"the router answers at {facts.url}; not tested from here: {reason}"
            )
        )
    if facts.unsigned.finding is ProbeFinding.ACCEPTED:
        found.append(
            _checks.problem(
                "wrong signature",
                f"{facts.url} accepts a request with a wrong signature, so that anyone may send events",
                "set ROUTER_TWILIO_AUTH_TOKENS for the router behind it, and restart it",
            )
        )
    elif facts.unsigned.finding in {ProbeFinding.WRONG_SIGNATURE, ProbeFinding.NO_TOKEN}:
        found.append(_checks.ok("wrong signature", "a request with a wrong signature is refused"))
    if facts.has_record and facts.unsigned.is_refused and facts.refusal is None:
        found.append(
            _checks.warning(
                "same Redis",
                "the refusal is not recorded in the Redis of these settings: the router behind the URL"
                " uses another one",
                "run the doctor with the ROUTER_REDIS_URL of that router",
            )
        )
    return found


def _clause(sentence: str) -> str:
    """Return a sentence as a part of a line: without its capital and its full stop."""
    return f"{sentence[:1].lower()}{sentence[1:]}".rstrip(".")


async def _certificate_seconds(url: str, environment: Environment) -> float | None:
    if not url.startswith("https://"):
        return None
    found = await reach(Receiver.of(url), environment, seconds=_REACH_SECONDS)
    ends = found.certificate_ends
    return None if ends is None else ends - environment.now()


async def _private_address(url: str, environment: Environment) -> str:
    """Return the private address of a public name, as a split DNS gives it; ``""`` for none."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or is_private_address(host):
        return ""  # judged by its form
    try:
        found = await environment.names.resolve(host, 443, seconds=_LOOKUP_SECONDS)
    except OSError:
        return ""  # the probe says so, or a proxy resolves it
    addresses = [str(each[4][0]) for each in found]
    return addresses[0] if addresses and all(map(is_private_address, addresses)) else ""

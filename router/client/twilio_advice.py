"""Advice for a sink that cannot be connected: what is wrong, and what to do (pure).

Source of the codes of Twilio's Debugger: Twilio's error dictionary, 91300 to 91308, and "Event delivery
retries and event duplication" for 93101 to 93104.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from router.client.twilio_api import TwilioApiError
from router.client.twilio_probe import ProbeFinding, ProbeReport
from router.client.twilio_resources import DebuggerAlert
from router.client.twilio_urls import TWILIO_ADDRESSES, is_same_place
from router.journal.source_log import RefusedRequest

_SIGNED_URLS: Final = re.compile(r"signed URL ([^;]+)")
"""The record of a refused signature: ``router/ingress/authentication.py``."""
_ERRORS: Final = "https://www.twilio.com/docs/api/errors"


class Advice(msgspec.Struct, frozen=True):
    """One problem."""

    problem: str
    """A sentence that says what is wrong."""
    remedy: str
    """A sentence that says what to do."""


class SinkSituation(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that this process has about the router behind the URL."""

    url: str
    """The URL of the sink, without user and password."""
    settings_url: str = ""
    """The URL for which signatures are checked by the settings of this process; ``""`` if not set."""
    account: str = "the account"
    has_token: bool | None = None
    """Whether ROUTER_TWILIO_AUTH_TOKENS of this process has the account's auth token; None if either
    is not set here."""
    checked_urls: tuple[str, ...] = ()
    """The URLs for which the router has checked a signature, as it recorded them."""
    accepts_token: bool = False
    """Whether the router has accepted a signature with the auth token of this process."""


class MissingTest(msgspec.Struct, frozen=True, kw_only=True):
    """The evidence about a test event that has not come."""

    seconds: float
    """How long it was awaited."""
    refusal: RefusedRequest | None = None
    """A request that the router refused meanwhile; None if it recorded none."""
    alerts: tuple[DebuggerAlert, ...] = ()
    """The errors that Twilio's Debugger has about the sink since then."""
    probe: ProbeReport | None = None
    """The result of this command's own request to the URL; None if there was none."""
    is_other_redis: bool = False
    """Whether the router at the URL stores its events elsewhere than in this Redis."""


def of_probe(report: ProbeReport, situation: SinkSituation) -> Advice | None:
    """Return what is wrong with the URL; None if a test by Twilio is worth while."""
    make = _OF_PROBE.get(report.finding)
    return None if make is None else make(report, situation)


def of_missing_test(missing: MissingTest, situation: SinkSituation) -> Advice:
    """Return why a test event has not come, by the best evidence that there is."""
    if missing.refusal is not None:
        accepts = missing.probe is not None and missing.probe.finding is ProbeFinding.ACCEPTED
        situation = msgspec.structs.replace(situation, accepts_token=accepts)
        return _of_refusal(missing.refusal, situation_by(situation, missing.refusal))
    if missing.alerts:
        return of_alert(missing.alerts[0].error_code or "")
    if missing.is_other_redis:
        return Advice(
            f"The router at {situation.url} accepts requests, but does not store them in the Redis at"
            " ROUTER_REDIS_URL.",
            "Run this command with the ROUTER_REDIS_URL of the router, or with --no-wait.",
        )
    reached = missing.probe is not None and missing.probe.finding in _GOOD
    return Advice(
        f"No request from Twilio has arrived within {missing.seconds:g} s.",
        (
            f"{situation.url} can be reached from here, so compare the way from the internet: its DNS"
            f" name, and a firewall, which must let in {TWILIO_ADDRESSES}."
            if reached
            else f"Check that {situation.url} can be reached from the internet, at least from"
            f" {TWILIO_ADDRESSES}."
        ),
    )


def of_alert(code: str) -> Advice:
    """Return what an error of the Debugger about a sink means."""
    return _OF_ALERT.get(code) or Advice(
        f"Twilio's Debugger has error {code or 'without a code'} for the sink.",
        f"See {_ERRORS}/{code}." if code else "See Monitor, Logs, Errors in Twilio's console.",
    )


def of_api_error(error: TwilioApiError) -> Advice:
    """Return why a call of Twilio's API failed."""
    if error.code in _OF_API_CODE:
        return _OF_API_CODE[error.code]
    if error.status == 0:
        return Advice(
            f"Twilio's API did not answer {error.call}: {error.reason}.",
            "Check the network of this machine; ROUTER_PROXY sets a proxy, and ROUTER_TWILIO_API a"
            " gateway.",
        )
    make = _OF_API_STATUS.get(error.status)
    if make is not None:
        return make(error)
    if error.status >= 500:
        return Advice(
            f"Twilio's API failed at {error.call}: {error.reason}.", "Run the same command later."
        )
    stated = f" (error {error.code})" if error.code else ""
    see = f"{_ERRORS}/{error.code}" if error.code else "Twilio's console"
    return Advice(f"Twilio refused {error.call}: {error.reason}{stated}.", f"See {see}.")


def situation_by(situation: SinkSituation, refusal: RefusedRequest | None) -> SinkSituation:
    """Return the situation with the URLs that the router has checked, if its record has them."""
    found = _SIGNED_URLS.search(refusal.hint if refusal else "")
    if found is None:
        return situation
    urls = tuple(url.partition("?")[0] for url in found[1].split(" or "))
    return msgspec.structs.replace(situation, checked_urls=urls)


def _wrong_signature(_: object, situation: SinkSituation) -> Advice:
    url, checked = situation.url, situation.checked_urls
    if checked:
        is_url = not any(map(is_same_place, checked, [url.partition("?")[0]] * len(checked)))
        if is_url:
            return _other_url(checked[0], url)
        return _UNKNOWN_TOKEN if situation.accepts_token else _other_token(situation)
    if situation.settings_url not in {"", url}:
        return _other_url(situation.settings_url, url)
    if situation.has_token is False:
        return _other_token(situation)
    if situation.has_token:
        return Advice(
            f"The router rejected the signature, although ROUTER_TWILIO_AUTH_TOKENS here has the auth"
            f" token of {situation.account}: the router checks another URL than {url}.",
            f"Set ROUTER_PUBLIC_URL or ROUTER_TWILIO_URL of the router to {url} and restart it; its"
            ' log line "request rejected" has the URL that it checked.',
        )
    return Advice(
        "The router rejected the signature: it checks another URL, or it does not have the auth token"
        f" of {situation.account}.",
        f"Set ROUTER_TWILIO_URL={url}, and add the token to ROUTER_TWILIO_AUTH_TOKENS of the router;"
        ' its log line "request rejected" has the URL that it checked.',
    )


def _other_url(checked: str, url: str) -> Advice:
    return Advice(
        f"The router rejected the signature: it checks the URL {checked}, and Twilio signs {url}.",
        f"Set ROUTER_TWILIO_URL={url} for the router and restart it, or correct --url.",
    )


def _other_token(situation: SinkSituation) -> Advice:
    return Advice(
        "The router rejected the signature: ROUTER_TWILIO_AUTH_TOKENS does not have the auth token of"
        f" {situation.account}.",
        "Add it and restart the router; each subaccount signs with its own token, not with that of its"
        " parent.",
    )


def _no_token(_: object, situation: SinkSituation) -> Advice:
    return Advice(
        "The router has no auth token, so it rejects every request.",
        f"Set ROUTER_TWILIO_AUTH_TOKENS to the auth token of {situation.account} and restart the"
        " router.",
    )


def _no_credentials(_: object, situation: SinkSituation) -> Advice:
    del situation
    return Advice(
        "The router requires a user and a password in the sink's URL.",
        "Set ROUTER_TWILIO_BASIC_AUTH for this command as for the router: connect puts the first pair"
        " into the sink's URL.",
    )


def _wrong_credentials(_: object, situation: SinkSituation) -> Advice:
    del situation
    return Advice(
        "The router rejected the user or the password of the sink's URL.",
        "Set ROUTER_TWILIO_BASIC_AUTH for this command as for the router; a sink that exists keeps the"
        " old pair until it is deleted (router twilio disconnect).",
    )


def _of_refusal(refusal: RefusedRequest, situation: SinkSituation) -> Advice:
    make = _OF_REFUSAL.get(refusal.code)
    if make is not None:
        return make(None, situation)
    sender = f" from {refusal.client}" if refusal.client else ""
    if refusal.code == "wrong_address":
        return Advice(
            f"The router refused a request{sender}, which is not in ROUTER_TWILIO_ADDRESSES.",
            f"Add {TWILIO_ADDRESSES}; behind a proxy, list the proxy in ROUTER_TRUSTED_PROXIES.",
        )
    next_step = refusal.hint or 'the router\'s log line "request rejected" has the details'
    return Advice(
        f"A request arrived{sender}, and the router refused it (HTTP {refusal.status}"
        f" {refusal.code}): {refusal.reason}.",
        f"{next_step[:1].upper()}{next_step[1:]}.",
    )


_UNKNOWN_TOKEN: Final = Advice(
    "The router rejected Twilio's signature, and accepts that of the auth token here: Twilio signs with"
    " another token.",
    "Add to ROUTER_TWILIO_AUTH_TOKENS the token that Twilio's console shows for the account of the sink:"
    " after a rotation the primary one, for a subaccount its own.",
)

Make = Callable[[ProbeReport, SinkSituation], Advice]

_OF_REFUSAL: Final[Mapping[str, Callable[[object, SinkSituation], Advice]]] = {
    "wrong_signature": _wrong_signature,
    "no_token": _no_token,
    "no_credentials": _no_credentials,
    "wrong_credentials": _wrong_credentials,
}

_GOOD: Final = frozenset({ProbeFinding.ACCEPTED, ProbeFinding.REACHED})

_OF_PROBE: Final[Mapping[ProbeFinding, Make]] = {
    ProbeFinding.WRONG_SIGNATURE: _wrong_signature,
    ProbeFinding.NO_TOKEN: _no_token,
    ProbeFinding.NO_CREDENTIALS: _no_credentials,
    ProbeFinding.WRONG_CREDENTIALS: _wrong_credentials,
    ProbeFinding.NO_NAME: lambda report, situation: Advice(
        f"The host of {situation.url} has no address: {report.reason}.",
        "Create its DNS record, or correct --url; --no-probe, if only this machine cannot resolve it.",
    ),
    ProbeFinding.NO_CONNECTION: lambda report, situation: Advice(
        f"{situation.url} does not answer: {report.reason}.",
        "Start the router and the proxy in front of it, and open the port; --no-probe, if only this"
        " machine cannot reach it.",
    ),
    ProbeFinding.BAD_CERTIFICATE: lambda report, situation: Advice(
        f"The certificate of {situation.url} is not valid: {report.reason}.",
        "Twilio needs a certificate of a public authority for this name, with its whole chain.",
    ),
    ProbeFinding.REDIRECT: lambda report, situation: Advice(
        f"{situation.url} redirects (HTTP {report.status}), which Twilio does not follow.",
        "Give --url the URL that it redirects to.",
    ),
    ProbeFinding.GATEWAY: lambda report, situation: Advice(
        f"A proxy answers at {situation.url} (HTTP {report.status}), but the router does not answer it.",
        "Start the router, and compare the address that the proxy forwards to.",
    ),
    ProbeFinding.OTHER_SERVER: lambda report, situation: Advice(
        f"What answers at {situation.url} (HTTP {report.status}) is not the router.",
        "Correct --url, or let the proxy pass POST requests of this path on without a login.",
    ),
    ProbeFinding.OTHER_PATH: lambda _, situation: Advice(
        f"The router answers at {situation.url}, but its endpoint has another path (HTTP 404).",
        "The proxy must pass this path on as /twilio, without a slash at its end.",
    ),
    ProbeFinding.UNAVAILABLE: lambda report, _: Advice(
        f"The router answers that it cannot store events (HTTP {report.status}: {report.reason}).",
        "Check its Redis: router's /readyz says what is wrong.",
    ),
}

_OF_ALERT: Final[Mapping[str, Advice]] = {
    "91305": Advice(
        "Twilio's requests arrive and get a 4xx (91305), after which Twilio drops the event.",
        'The router\'s log line "request rejected" has the reason; if there is none, a proxy or a'
        " firewall for web applications refuses them.",
    ),
    "91306": Advice(
        "Twilio's requests get a 5xx (91306); Twilio repeats them for four hours.",
        "Check the router, its Redis and the proxy: /readyz says what is wrong.",
    ),
    "91307": Advice(
        "Twilio cannot connect to the sink (91307): DNS, the certificate, or a firewall.",
        f"Check the public DNS name and the certificate's chain, and let in {TWILIO_ADDRESSES}.",
    ),
    "91308": Advice(
        "The sink does not answer within five seconds (91308); Twilio repeats the request.",
        "Check the router's Redis and the proxy: router_ingress_request_seconds shows how long it takes.",
    ),
    "91300": Advice(
        "Twilio could not deliver to the sink, and does not say why (91300).",
        "Check that the sink is active, and look for its other errors.",
    ),
    "91303": Advice(
        "Twilio dropped an event because of a fault of its own (91303).",
        "Ask Twilio's support, with the SIDs of sink and subscription.",
    ),
    "93101": Advice(
        "The sink answered with an error (93101); after a 4xx other than 429 Twilio drops the event.",
        'The router\'s log line "request rejected" has the reason.',
    ),
    "93102": Advice(
        "Twilio could not assume the role for the Kinesis stream (93102).",
        "Compare role_arn and external_id of the sink with the trust policy of the role.",
    ),
    "93103": Advice(
        "Twilio could not count the shards of the Kinesis stream (93103).",
        "Allow kinesis:DescribeStreamSummary and kinesis:ListShards to the role.",
    ),
    "93104": Advice(
        "The Kinesis stream of the sink has no valid name or region (93104).",
        "Compare the sink's arn with the stream's.",
    ),
}

_OF_API_CODE: Final[Mapping[int, Advice]] = {
    91003: Advice(
        "The account has as many sinks as Twilio allows (error 91003).",
        "Delete one that is not used: router twilio status lists them.",
    ),
    91100: Advice(
        "Twilio makes no subscription because the sink is not active (error 91100).",
        "Run the same command again: it tests and validates the sink first.",
    ),
    91007: Advice(
        "Twilio does not delete the sink because a subscription uses it (error 91007).",
        "Delete its subscription first: router twilio status shows it.",
    ),
}

_OF_API_STATUS: Final[Mapping[int, Callable[[TwilioApiError], Advice]]] = {
    401: lambda error: Advice(
        f"Twilio rejected the credentials{f' (error {error.code})' if error.code else ''}.",
        "Compare TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with TWILIO_API_SECRET;"
        " each region has its own (TWILIO_REGION), and test credentials have no Event Streams.",
    ),
    403: lambda error: Advice(
        f"Twilio does not allow {error.call} to these credentials: {error.reason}.",
        "Use an API key of the type Main or Standard, or give a restricted key the permission for"
        " Event Streams.",
    ),
    404: lambda error: Advice(
        f"Twilio has nothing at {error.call}: {error.reason}.",
        "If it was deleted meanwhile, run the same command again; else compare ROUTER_TWILIO_API.",
    ),
    429: lambda error: Advice(
        "Twilio's API answers that there are too many requests"
        + (f", and asks to wait {error.wait:g} s." if error.wait else "."),
        "Run the same command again after that.",
    ),
}


def alerts_of(sink_sid: str, alerts: Sequence[DebuggerAlert]) -> tuple[DebuggerAlert, ...]:
    """Return the alerts about one sink, the newest first.

    The documents do not say which field has the SID, only that the notification has it.
    """
    mine = [
        alert
        for alert in alerts
        if sink_sid in {alert.resource_sid, alert.service_sid}
        or sink_sid in (alert.alert_text or "")
        or sink_sid in (alert.request_url or "")
    ]
    return tuple(sorted(mine, key=lambda alert: alert.date_generated or "", reverse=True))

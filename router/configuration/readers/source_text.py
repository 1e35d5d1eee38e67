"""The keys of a source, as a rules file and a preset have them."""

from typing import Annotated, Any, Literal

import msgspec

from router.datatypes import Rate
from router.rules.key_descriptions import about
from router.sources.spec import EVENTS_PER_REQUEST, MOST_EVENTS_PER_REQUEST


class EventText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The expressions of an event."""

    type: Annotated[str | None, about("CEL: the event's type. Default: in.NAME")] = None
    id: Annotated[
        str | None,
        about("CEL: identifies the event, with its source. Default: a new one for each request."),
    ] = None
    source: Annotated[str | None, about("CEL: the event's source. Default: the path.")] = None
    time: Annotated[
        str | None,
        about("CEL: RFC 3339, RFC 5322, a timestamp, or Unix seconds or milliseconds."),
    ] = None
    subject: Annotated[str | None, about("CEL: the thing that the event is about.")] = None
    data: Annotated[str | None, about("CEL: the event's data. Default: item")] = None
    extensions: Annotated[
        dict[str, str], about("CEL by name: further attributes of the CloudEvent.")
    ] = {}


class ReplyText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer to a handshake."""

    when: Annotated[str, about("CEL: whether the request is this handshake.")]
    status: Annotated[int, about("The HTTP status of the answer.")] = 200
    json: Annotated[
        dict[str, str] | None, about("CEL by name: the members of the answer's JSON object.")
    ] = None
    text: Annotated[str | None, about("CEL: the answer, as text.")] = None
    visit: Annotated[str | None, about("CEL: a URL to get before answering.")] = None
    hosts: Annotated[
        tuple[str, ...], about("The hosts that may be visited; `*` stands for one part.")
    ] = ()

    def __post_init__(self) -> None:
        if self.json is not None and self.text is not None:
            raise ValueError("text: remove it, or json")
        if not 200 <= self.status <= 299:
            raise ValueError("status must be from 200 to 299")
        if self.visit is not None and not self.hosts:
            raise ValueError("visit needs hosts, for example hosts: [sns.*.amazonaws.com]")


class AcceptedText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The response to a request whose events are durable, in place of 202 with their number."""

    status: Annotated[int, about("The HTTP status.")] = 200
    text: Annotated[str, about("The body, which some senders show to people.")] = ""

    def __post_init__(self) -> None:
        if not 200 <= self.status <= 299:
            raise ValueError("status must be from 200 to 299")


class SourceText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source of events: its path, its verification, and its mapping to CloudEvents."""

    path: Annotated[
        str | None, about("The path of its requests; begins with /in/. Default: /in/NAME")
    ] = None
    preset: Annotated[str | None, about("The preset whose keys this source overrides.")] = None
    verify: Annotated[
        Any, about("The verifiers that must all pass, with their options; or `none`.")
    ] = None
    methods: Annotated[
        tuple[Literal["POST", "GET", "PUT"], ...], about("The methods of its requests.")
    ] = ("POST",)
    body: Annotated[
        Any,
        about(
            "The shape of the body, against which the expressions are checked: docs/reference/sources.md"
        ),
    ] = None
    split: Annotated[str | None, about("CEL: a list, of which each item becomes an event.")] = None
    skip: Annotated[str | None, about("CEL: whether an item becomes no event.")] = None
    event: Annotated[EventText, about("CEL: the attributes and the data of the events.")] = (
        EventText()
    )
    replies: Annotated[
        tuple[ReplyText, ...], about("Answers to handshakes; the first that fits is given.")
    ] = ()
    accepted: Annotated[
        AcceptedText | None,
        about("The response to accepted events, for senders that take no other than 200."),
    ] = None
    events_per_request: Annotated[int, about("Items of one request, at most.")] = EVENTS_PER_REQUEST
    rate: Annotated[
        Rate | None, about("Events in a period; above it, requests get 429 and are sent again.")
    ] = None
    trace: Annotated[
        Literal["continue", "restart"] | None,
        about("Whether the trace of its requests is continued. Default: ROUTER_TRACES_CONTINUE."),
    ] = None

    def __post_init__(self) -> None:
        if not 1 <= self.events_per_request <= MOST_EVENTS_PER_REQUEST:
            raise ValueError(f"events_per_request must be from 1 to {MOST_EVENTS_PER_REQUEST}")
        if not self.methods:
            raise ValueError("methods must have one at least, write for example [POST]")


class PresetText(SourceText, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A preset: a source that others extend, and what it is for."""

    about: str
    """A sentence: the sender and its requests."""
    docs: str
    """The sender's page about its requests."""

"""The meaning of Slack's replies for a delivery (pure), by Slack's error code if there is one.

An incoming webhook replies with the code as its body and with a status. A method of the Web API
replies with the code in JSON and, except for rate limits, with status 200. Sources: Slack's
changelog of 2016-05-17 (errors of incoming webhooks), and the section "Errors" of its reference
pages on ``chat.postMessage`` and ``chat.update``.
"""

import re
from typing import Any, Final

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.transport import http_status
from router.destinations.transport.http_status import HttpReply
from router.destinations.transport.stated_errors import (
    UNNAMED,
    WEB_PAGE,
    beginning,
    is_web_page,
    json_error,
)

_CODE: Final = re.compile("[a-z_]{1,80}")
"""Slack's codes; any other text of a reply might be a secret that it repeats."""
_RENEW: Final = "the webhook is gone, make a new one and put its URL into the destination"
_MALFORMED: Final = "Slack did not understand the message"
_RESTRICTED: Final = "the workspace's or the channel's settings forbid posting here"
_EXPIRED: Final = "the token is no longer valid, install the app again and use its new token"
_SCOPE: Final = "the app lacks a permission: give it the scope chat:write and install it again"
_WORKSPACE: Final = "the workspace's administrators do not allow the app"

WEBHOOK_FINAL: Final = {
    "action_prohibited": "the workspace's restrictions forbid the webhook to post here",
    "channel_is_archived": "unarchive the channel, or make a webhook for another",
    "channel_not_found": "the channel is gone, make a webhook for another",
    "invalid_attachments": _MALFORMED,
    "invalid_blocks": _MALFORMED,
    "invalid_payload": _MALFORMED,
    "invalid_token": _RENEW,
    "no_active_hooks": _RENEW,
    "no_service": _RENEW,
    "no_service_id": _RENEW,
    "no_team": _RENEW,
    "no_text": _MALFORMED,
    "posting_to_general_channel_denied": "only some members may post in the general channel",
    "team_disabled": "the workspace is disabled",
    "too_many_attachments": _MALFORMED,
    "user_not_found": "the webhook's user is gone, make a new webhook",
}
"""Final errors of incoming webhooks, each with its remedy."""
CHAT_FINAL: Final = {
    "access_denied": _SCOPE,
    "account_inactive": _EXPIRED,
    "channel_not_found": "the app knows no such channel: use its id and invite the app to it",
    "ekm_access_denied": _WORKSPACE,
    "enterprise_is_restricted": _WORKSPACE,
    "invalid_arg_name": _MALFORMED,
    "invalid_arguments": _MALFORMED,
    "invalid_attachments": _MALFORMED,
    "invalid_auth": "the token is wrong, or this machine's address is not allowed to use it",
    "invalid_blocks": _MALFORMED,
    "invalid_blocks_format": _MALFORMED,
    "is_archived": "unarchive the channel, or use another",
    "missing_scope": _SCOPE,
    "msg_too_long": _MALFORMED,
    "no_permission": _SCOPE,
    "no_text": _MALFORMED,
    "not_allowed_token_type": "use a bot token, which begins with xoxb-",
    "not_authed": _EXPIRED,
    "not_in_channel": "invite the app to the channel",
    "restricted_action": _RESTRICTED,
    "restricted_action_non_threadable_channel": _RESTRICTED,
    "restricted_action_read_only_channel": _RESTRICTED,
    "restricted_action_thread_only_channel": _RESTRICTED,
    "team_access_not_granted": _WORKSPACE,
    "token_expired": _EXPIRED,
    "token_revoked": _EXPIRED,
    "too_many_attachments": _MALFORMED,
    "two_factor_setup_required": _EXPIRED,
}
"""Final errors of ``chat.postMessage``, each with its remedy."""
PASSING: Final = frozenset(
    {
        *("fatal_error", "internal_error", "org_login_required", "rate_limited", "ratelimited"),
        *("request_timeout", "rollup_error", "service_unavailable", "team_added_to_org"),
    }
)
"""Errors after which a message is retried."""
RATE_LIMITS: Final = frozenset({"rate_limited", "ratelimited"})
"""Errors that ask for fewer messages."""
THREAD_GONE: Final = frozenset(
    {
        *("cannot_reply_to_message", "message_not_found", "thread_not_found"),
        *("restricted_action_non_threadable_channel", "restricted_action_thread_locked"),
    }
)
"""Errors of the thread, not of the message, which can be posted outside of it."""


class PostedMessage(msgspec.Struct, frozen=True):
    """A message that Slack accepted."""

    channel: str
    ts: str
    """Slack's id of the message."""
    thread_ts: str = ""
    """The first message of its thread; ``""`` if it is in none.

    If the first message was deleted, ``chat.postMessage`` posts into the channel and says so by
    this alone.
    """


class _ChatMessage(msgspec.Struct, frozen=True):
    thread_ts: str = ""


class _ChatReply(msgspec.Struct, frozen=True):
    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""
    thread_ts: Any = None
    message: msgspec.Raw = msgspec.Raw(b"{}")


def webhook_outcome(reply: HttpReply, *, now: float) -> Outcome:
    """Return the outcome of an incoming webhook's reply.

    A 2xx is none if its body says that it failed, or is a web page: that of a login or of a proxy.

    Args:
        reply: The reply.
        now: Unix time in seconds, for a Retry-After that is a date.
    """
    said = _error_in_success(reply.content) if reply.status < 300 else reply.text.strip()
    if not 300 <= reply.status < 400 and said in WEBHOOK_FINAL:
        remedy = WEBHOOK_FINAL[said]
        refused = http_status.refused(reply, f"Slack: {said} ({remedy})")
        return msgspec.structs.replace(refused, of_delivery=remedy is _MALFORMED)
    if said and (reply.status < 300 or (reply.status >= 400 and said in PASSING)):
        failed = http_status.failed(reply, f"Slack: {said}", now=now)
        return msgspec.structs.replace(failed, throttled=failed.throttled or said in RATE_LIMITS)
    return http_status.outcome(reply, now=now)


def _error_in_success(content: bytes) -> str:
    """Return the error that the body of a 2xx states, without any other text of it, or ``""``."""
    text = beginning(content)
    if text in WEBHOOK_FINAL or text in PASSING:
        return text
    if is_web_page(content):
        return WEB_PAGE
    error = json_error(content)
    if error is None:
        return ""
    return error if isinstance(error, str) and _CODE.fullmatch(error) else UNNAMED


def chat_outcome(reply: HttpReply, *, now: float) -> PostedMessage | Failed | Refused:
    """Return the posted message, or the outcome of a reply of the Web API that is an error.

    An unknown error is retried.

    Args:
        reply: The reply.
        now: Unix time in seconds, for a Retry-After that is a date.
    """
    if reply.status >= 300:
        outcome = http_status.outcome(reply, now=now)
        return outcome if not isinstance(outcome, Delivered) else Failed("malformed answer")
    try:
        content = msgspec.json.decode(reply.content, type=_ChatReply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failed("Slack: malformed answer", reply.status)
    if content.ok:
        return PostedMessage(content.channel, content.ts, _thread_ts(content))
    code = content.error if _CODE.fullmatch(content.error) else ""
    if code in CHAT_FINAL:
        remedy = CHAT_FINAL[code]
        reason = f"Slack: {code} ({remedy})"
        return Refused(reason, reply.status, code, of_delivery=remedy is _MALFORMED)
    reason = f"Slack: {code or 'malformed answer'}"
    return Failed(reason, reply.status, code, throttled=code in RATE_LIMITS)


def _thread_ts(reply: _ChatReply) -> str:
    """Return the thread in which a message was posted, ``""`` for none.

    Slack says it in the message that it returns; a proxy may say it beside.
    """
    if isinstance(reply.thread_ts, str):
        return reply.thread_ts
    try:
        return msgspec.json.decode(reply.message, type=_ChatMessage).thread_ts
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""

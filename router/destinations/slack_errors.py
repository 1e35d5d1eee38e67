"""What Slack's answers mean for a delivery (pure): its own word where it says one.

An incoming webhook says the word as its body, with a status; a method of the Web API says it in
JSON, always with status 200 but for rate limits. Sources: Slack's changelog of 2016-05-17 (errors
of incoming webhooks) and its reference pages of ``chat.postMessage`` and ``chat.update``, section
"Errors".
"""

from typing import Final

import msgspec

from router.alerts import Delivered, Failed, Outcome, Refused
from router.destinations.rendering.text import one_line
from router.destinations.transport import http_status as answers
from router.destinations.transport.http_status import HttpReply

_WORD_LIMIT: Final = 80
_RENEW: Final = "the webhook is gone, make a new one and put its URL into the destination"
_ILL_MADE: Final = "Slack did not understand the message"
_RESTRICTED: Final = "the workspace's or the channel's settings forbid to post here"
_EXPIRED: Final = "the token is not good any more, install the app again and take its new token"
_SCOPE: Final = "the app may not: give it the scope chat:write and install it again"
_WORKSPACE: Final = "the workspace's administrators do not let the app in"

WEBHOOK_FINAL: Final = {
    "action_prohibited": "the workspace's restrictions forbid the webhook to post here",
    "channel_is_archived": "unarchive the channel, or make a webhook for another",
    "channel_not_found": "the channel is gone, make a webhook for another",
    "invalid_attachments": _ILL_MADE,
    "invalid_blocks": _ILL_MADE,
    "invalid_payload": _ILL_MADE,
    "invalid_token": _RENEW,
    "no_active_hooks": _RENEW,
    "no_service": _RENEW,
    "no_service_id": _RENEW,
    "no_team": _RENEW,
    "no_text": _ILL_MADE,
    "posting_to_general_channel_denied": "only some members may post in the general channel",
    "team_disabled": "the workspace is disabled",
    "too_many_attachments": _ILL_MADE,
    "user_not_found": "the webhook's user is gone, make a new webhook",
}
"""Said to webhooks: the same again would be answered the same."""
CHAT_FINAL: Final = {
    "access_denied": _SCOPE,
    "account_inactive": _EXPIRED,
    "channel_not_found": "no such channel for the app: write its id and invite the app to it",
    "ekm_access_denied": _WORKSPACE,
    "enterprise_is_restricted": _WORKSPACE,
    "invalid_arg_name": _ILL_MADE,
    "invalid_arguments": _ILL_MADE,
    "invalid_attachments": _ILL_MADE,
    "invalid_auth": "the token is wrong, or this machine's address is not allowed to use it",
    "invalid_blocks": _ILL_MADE,
    "invalid_blocks_format": _ILL_MADE,
    "is_archived": "unarchive the channel, or take another",
    "missing_scope": _SCOPE,
    "msg_too_long": _ILL_MADE,
    "no_permission": _SCOPE,
    "no_text": _ILL_MADE,
    "not_allowed_token_type": "take a bot token, which begins with xoxb-",
    "not_authed": _EXPIRED,
    "not_in_channel": "invite the app to the channel",
    "restricted_action": _RESTRICTED,
    "restricted_action_non_threadable_channel": _RESTRICTED,
    "restricted_action_read_only_channel": _RESTRICTED,
    "restricted_action_thread_only_channel": _RESTRICTED,
    "team_access_not_granted": _WORKSPACE,
    "token_expired": _EXPIRED,
    "token_revoked": _EXPIRED,
    "too_many_attachments": _ILL_MADE,
    "two_factor_setup_required": _EXPIRED,
}
"""Said by ``chat.postMessage``, likewise."""
PASSING: Final = frozenset(
    {
        *("fatal_error", "internal_error", "org_login_required", "rate_limited", "ratelimited"),
        *("request_timeout", "rollup_error", "service_unavailable", "team_added_to_org"),
    }
)
THREAD_GONE: Final = frozenset(
    {
        *("cannot_reply_to_message", "message_not_found", "thread_not_found"),
        "restricted_action_non_threadable_channel",
    }
)
"""About the thread, not about the message: it can be posted outside of it."""


class PostedMessage(msgspec.Struct, frozen=True):
    """A message that is there, and where."""

    channel: str
    ts: str
    """Slack's id of the message."""


class _Said(msgspec.Struct, frozen=True):
    ok: bool
    error: str = ""
    channel: str = ""
    ts: str = ""


def webhook_outcome(answer: HttpReply, *, now: float) -> Outcome:
    """What the answer of an incoming webhook means."""
    word = answer.text.strip()
    if answer.status >= 400 and word in WEBHOOK_FINAL:
        return answers.refused(answer, f"Slack: {word} ({WEBHOOK_FINAL[word]})")
    if answer.status >= 400 and word in PASSING:
        return answers.failed(answer, f"Slack: {word}", now=now)
    return answers.outcome(answer, now=now)


def chat_outcome(answer: HttpReply, *, now: float) -> PostedMessage | Failed | Refused:
    """What the answer of a method of the Web API means. Unknown words are tried again."""
    if answer.status >= 300:
        found = answers.outcome(answer, now=now)
        return found if not isinstance(found, Delivered) else Failed("malformed answer")
    try:
        said = msgspec.json.decode(answer.content, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Failed("Slack: malformed answer", answer.status)
    if said.ok:
        return PostedMessage(said.channel, said.ts)
    word = one_line(said.error, _WORD_LIMIT)
    if word in CHAT_FINAL:
        return Refused(f"Slack: {word} ({CHAT_FINAL[word]})", answer.status, word)
    return Failed(f"Slack: {word or 'malformed answer'}", answer.status, word)

"""The configuration of the kind ``slack``, and its checks."""

import enum
from typing import ClassVar, Final
from urllib.parse import urlsplit

from router.datatypes import Duration, Rate, Secret
from router.destinations.contract import DestinationConfig
from router.destinations.transport.http_client import check_proxy
from router.destinations.transport.receiver import Receiver
from router.destinations.transport.service_url import check_service_url

_THREADS: Final = Duration(7 * 86400)
_SLACKS_OWN: Final = ("slack.com", "slack-gov.com")


class ChatServer(enum.StrEnum):
    """The server behind an incoming webhook."""

    SLACK = "slack"
    MATTERMOST = "mattermost"
    ROCKETCHAT = "rocketchat"


class SlackConfig(DestinationConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The configuration of a ``slack`` destination.

    It has no name and no icon, because they are the Slack app's. A webhook belongs to one channel.
    """

    tells_acknowledgements: ClassVar[bool] = True

    webhook_url: Secret | None = None
    """From the Slack app's page "Incoming Webhooks". It is a credential: it allows to post."""
    server: ChatServer = ChatServer.SLACK
    """With a webhook: the server. Those that are not Slack have no Block Kit."""
    token: Secret | None = None
    """The app's bot token, ``xoxb-…``."""
    channel: str = ""
    """With a token: the channel's id (``C0123456789``); the app must be in it."""
    threads: Duration = _THREADS
    """With a token: how long after its last message a thread is continued; 0s for no threads."""
    broadcast: bool = True
    """With a token: whether a repeat in a thread is shown in the channel too."""
    api_url: str = "https://slack.com/api/"
    """With a token: the address of the Web API, ``https://`` with ``/`` at the end."""
    rate: Rate | None = Rate(limit=1, per=Duration(1))
    """Slack's own limit is about one message a second for each channel."""
    proxy: Secret | None = None
    """An HTTP proxy's URL or ``direct``, instead of ROUTER_PROXY."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_proxy(self.proxy)
        if (self.webhook_url is None) == (self.token is None):
            raise ValueError("slack needs webhook_url, or token and channel")
        if self.webhook_url is not None:
            _check_webhook_url(self.webhook_url.reveal())
            self._check_without_token()
            return
        if self.server is not ChatServer.SLACK:
            raise ValueError(f"server: {self.server} is for a webhook_url; a token is Slack's")
        check_service_url("api_url", self.api_url, "and end with /")
        if not self.api_url.endswith("/"):
            raise ValueError("api_url must begin with https://, and end with /")
        if not self.channel or not self.channel.isprintable() or " " in self.channel:
            raise ValueError("channel must be the id of a channel, for example C0123456789")
        token = "" if self.token is None else self.token.reveal()
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("token must be the app's bot token, which begins with xoxb-")

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """The server of the webhook, or of the Web API."""
        url = self.api_url if self.webhook_url is None else self.webhook_url.reveal()
        return (Receiver.of(url, proxy=self.proxy),)

    def _check_without_token(self) -> None:
        if self.channel:
            raise ValueError("channel is for a token only: a webhook belongs to one channel")
        for key, default in (("threads", _THREADS), ("broadcast", True)):
            if getattr(self, key) != default:
                raise ValueError(f"{key} is for a token only: a webhook makes no threads")


def _check_webhook_url(url: str) -> None:
    """Check a webhook's URL. Only Slack's own must be https, because other servers are private."""
    try:
        parts = urlsplit(url)
        scheme, host = parts.scheme, (parts.hostname or "").rstrip(".")
    except ValueError:
        raise ValueError("webhook_url is not a URL") from None
    slacks = any(host == name or host.endswith(f".{name}") for name in _SLACKS_OWN)
    if not host or scheme not in ({"https"} if slacks else {"https", "http"}):
        raise ValueError(
            "webhook_url must begin with https://, as Slack shows it"
            " (http:// only to a server of your own, such as Mattermost)"
        )

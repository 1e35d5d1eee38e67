"""Signs requests as senders do, by their own descriptions and not by the router's code.

``SIGNERS`` has a function for each verifier; each changes a draft, whose body is final.

Source: the pages that the verifiers name.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SECRET: Final = "secret-of-the-fuzzed-source"
STANDARD_SECRET: Final = "whsec_" + base64.b64encode(b"secret-of-a-standard-webhook").decode()
HOST: Final = "fuzz.example"
_KEY: Final = ec.derive_private_key(20_261_201, ec.SECP256R1())
SENDGRID_KEY: Final = base64.b64encode(
    _KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()


class Draft(msgspec.Struct, kw_only=True):
    """A request that is being written."""

    method: str = "POST"
    path: str
    query: str = ""
    headers: list[tuple[str, str]] = []
    body: bytes = b""

    def put(self, name: str, value: str) -> None:
        """Set a header, in place of one that the sample has."""
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()]
        self.headers.append((name, value))

    def framed(self, *, host: str = HOST) -> bytes:
        """Return the bytes of the request, whose length is right whatever it contains."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        lines = [f"{self.method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + self.body


Signer = Callable[[Draft, float], None]
"""Adds the proof of the sender. The second argument is the time, in Unix seconds."""


def _mac(text: bytes, *, key: bytes = SECRET.encode(), name: str = "sha256") -> bytes:
    return hmac.new(key, text, name).digest()


def _github(draft: Draft, _: float) -> None:
    draft.put("X-Hub-Signature-256", f"sha256={_mac(draft.body).hex()}")


def _stripe(draft: Draft, now: float) -> None:
    signature = _mac(b"%d.%b" % (now, draft.body)).hex()
    draft.put("Stripe-Signature", f"t={now:.0f},v1={signature}")


def _slack(draft: Draft, now: float) -> None:
    signature = _mac(b"v0:%d:%b" % (now, draft.body)).hex()
    draft.put("X-Slack-Request-Timestamp", f"{now:.0f}")
    draft.put("X-Slack-Signature", f"v0={signature}")


def _pagerduty(draft: Draft, _: float) -> None:
    draft.put("X-PagerDuty-Signature", f"v1=00,v1={_mac(draft.body).hex()}")


def _shopify(draft: Draft, _: float) -> None:
    signature = base64.b64encode(_mac(draft.body)).decode()
    draft.put("X-Shopify-Hmac-Sha256", signature)


def _sentry(draft: Draft, _: float) -> None:
    draft.put("Sentry-Hook-Signature", _mac(draft.body).hex())


def _grafana(draft: Draft, _: float) -> None:
    draft.put("X-Grafana-Alerting-Signature", _mac(draft.body).hex())


def _standard(draft: Draft, now: float) -> None:
    key = base64.b64decode(STANDARD_SECRET.removeprefix("whsec_"))
    signature = base64.b64encode(_mac(b"msg_1.%d.%b" % (now, draft.body), key=key)).decode()
    draft.put("webhook-id", "msg_1")
    draft.put("webhook-timestamp", f"{now:.0f}")
    draft.put("webhook-signature", f"v1,{signature}")


def _sendgrid(draft: Draft, now: float) -> None:
    signature = _KEY.sign(b"%d%b" % (now, draft.body), ec.ECDSA(hashes.SHA256()))
    draft.put("X-Twilio-Email-Event-Webhook-Timestamp", f"{now:.0f}")
    draft.put("X-Twilio-Email-Event-Webhook-Signature", base64.b64encode(signature).decode())


def _hmac(draft: Draft, now: float) -> None:
    """Sign as the source ``crm`` of the tests says."""
    signature = _mac(b"%d.%b" % (now, draft.body)).hex()
    draft.put("X-Timestamp", f"{now:.0f}")
    draft.put("X-Signature", f"sha256={signature}")


def _bearer(draft: Draft, _: float) -> None:
    draft.put("Authorization", f"Bearer {SECRET}")


def _basic(draft: Draft, _: float) -> None:
    credentials = base64.b64encode(f"router:{SECRET}".encode()).decode()
    draft.put("Authorization", f"Basic {credentials}")


def _api_key(draft: Draft, _: float) -> None:
    """Send the key in a header and in the query, because presets differ."""
    draft.put("X-API-Key", SECRET)
    draft.query = f"{draft.query}&code={SECRET}".lstrip("&")


def _mtls(draft: Draft, _: float) -> None:
    """State what the proxy, which is this machine, has verified."""
    draft.put("X-Client-Verify", "SUCCESS")
    draft.put("X-Client-DN", "CN=sender.example")


def _twilio(draft: Draft, _: float) -> None:
    """Sign a URL, with the hash of the body or the fields of the form."""
    from urllib.parse import parse_qsl

    media_type = next((v for n, v in draft.headers if n.lower() == "content-type"), "")
    fields = ""
    if media_type.startswith("application/x-www-form-urlencoded"):
        pairs = parse_qsl(draft.body.decode("latin-1"), keep_blank_values=True)
        fields = "".join(name + value for name, value in sorted(set(pairs)))
    elif draft.body:
        hashed = hashlib.sha256(draft.body).hexdigest()
        draft.query = f"{draft.query}&bodySHA256={hashed}".lstrip("&")
    url = f"http://{HOST}{draft.path}" + (f"?{draft.query}" if draft.query else "")
    text = (url + fields).encode("utf-8", "replace")
    signature = base64.b64encode(_mac(text, name="sha1")).decode()
    draft.put("X-Twilio-Signature", signature)


def _open(_draft: Draft, _now: float) -> None:
    """Prove nothing: the address or the network is enough, or nothing is asked for."""


SIGNERS: Final[Mapping[str, Signer]] = {
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "pagerduty": _pagerduty,
    "shopify": _shopify,
    "sentry": _sentry,
    "grafana": _grafana,
    "standard-webhooks": _standard,
    "svix": _standard,
    "sendgrid": _sendgrid,
    "hmac": _hmac,
    "bearer": _bearer,
    "basic": _basic,
    "api_key": _api_key,
    "mtls": _mtls,
    "twilio": _twilio,
    "networks": _open,
    "sns": _open,
    "none": _open,
}
"""The signers by the names of the verifiers."""

"""Amazon SNS: an RSA signature of the message, by a certificate that the message names.

The certificate is fetched from hosts of SNS only, over HTTPS, and kept. Every customer of AWS can let
SNS sign messages to any URL: the signature proves that SNS sent them, and ``topics`` says whose they
may be.

Source: AWS, "Verifying the signatures of Amazon SNS messages".
"""

import asyncio
import fnmatch
import re
from collections import OrderedDict
from http import HTTPStatus
from typing import ClassVar, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from router.datatypes import Duration
from router.events.json_text import UNDECODABLE
from router.printable import one_printable_line, shortened
from router.sources.contract import (
    FetchError,
    OptionWarning,
    Refusal,
    RequestHead,
    Verifier,
    VerifierConfig,
    VerifierEnvironment,
)
from router.sources.freshness import check_age, check_tolerance, read_time
from router.sources.hmac_scheme import SignatureEncoding

_CERTIFICATE_URL: Final = re.compile(
    r"https://sns\.[a-z0-9-]{3,40}\.amazonaws\.com(?:\.cn)?/SimpleNotificationService-[A-Za-z0-9]{1,80}\.pem"
)
_CERTIFICATE_NAME: Final = re.compile(r"sns(?:\.[a-z0-9-]{3,40})?\.amazonaws\.com(?:\.cn)?")
_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_SIGNED: Final = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "1": hashes.SHA1,
    "2": hashes.SHA256,
}
_MAX_TOPICS: Final = 100
_MAX_CERTIFICATES: Final = 16
_FETCHES: Final = 6
"""Certificates that are fetched in a minute, because a stranger can name others."""
_MINUTE: Final = 60.0
_SHOWN: Final = 200


class SnsConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of ``sns``."""

    short_key: ClassVar[str] = "topics"

    topics: tuple[str, ...]
    """ARNs of the topics, with ``*`` for any text: ``arn:aws:sns:eu-west-1:123456789012:*``."""
    tolerance: Duration = Duration(7200)
    """The most by which the message's time may differ from the router's. SNS attempts a message for
    an hour."""

    def __post_init__(self) -> None:
        check_tolerance(self.tolerance)
        if not 0 < len(self.topics) <= _MAX_TOPICS:
            raise ValueError(
                f"topics must have from 1 to {_MAX_TOPICS} ARNs: SNS signs the messages of every"
                " customer of AWS"
            )
        for topic in self.topics:
            if not topic.startswith("arn:") or topic.count(":") < 5:
                raise ValueError(
                    "topics must be ARNs such as arn:aws:sns:eu-west-1:123456789012:alarms"
                )

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        if all("*" not in topic.split(":")[4] for topic in self.topics):
            return ()
        return (
            OptionWarning(
                "topics",
                "topics of any account pass, so each customer of AWS may send",
                "write the number of the account",
            ),
        )


class _Message(msgspec.Struct, rename="pascal", kw_only=True):
    """The members of a message that are signed, and its signature."""

    type: str
    message: str
    message_id: str
    timestamp: str
    topic_arn: str
    signature: str = ""
    signature_version: str = ""
    signing_cert: str = msgspec.field(name="SigningCertURL", default="")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)


_decode = msgspec.json.Decoder(_Message).decode


class SnsVerifier(Verifier):
    """Checks the signature of a message, its topic and its time."""

    def __init__(self, config: SnsConfig, environment: VerifierEnvironment) -> None:
        self._config = config
        self._fetch = environment.fetch
        self._certificates: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._loading: dict[str, asyncio.Future[x509.Certificate | Refusal]] = {}
        self._fetches: list[float] = []

    def check_head(self, head: RequestHead) -> Refusal | None:
        """Refuse a raw delivery, which has no signature."""
        if head.headers.get("x-amz-sns-rawdelivery", "").strip().lower() != "true":
            return None
        return _unsigned("switch off raw message delivery in the subscription")

    async def check_body(self, head: RequestHead, body: bytes) -> Refusal | None:
        """Check topic and signature, with the certificate that the message names; then the time."""
        try:
            message = _decode(body)
        except UNDECODABLE:
            return _unsigned("the body is no message of SNS")
        refusal = self._check_claims(message)
        if refusal is not None:
            return refusal
        certificate = await self._certificate(message.signing_cert, head.received_at)
        if isinstance(certificate, Refusal):
            return certificate
        if not _has_signed(certificate, message):
            return _wrong("the message is not the one that SNS signed: a proxy changes bodies")
        return check_age(head, read_time(message.timestamp) or 0.0, self._config.tolerance)

    def _check_claims(self, message: _Message) -> Refusal | None:
        """Refuse what needs no certificate to be refused."""
        if not message.signature or not message.signing_cert:
            return _unsigned("the message has no Signature or no SigningCertURL")
        if not any(fnmatch.fnmatchcase(message.topic_arn, each) for each in self._config.topics):
            return Refusal(
                code="wrong_topic",
                reason="messages of this topic are not allowed",
                hint=f"the topic is {_shown(message.topic_arn)}, and topics has no such one",
            )
        if message.type not in _SIGNED or message.signature_version not in _HASHES:
            return _wrong("the message has an unknown Type or SignatureVersion")
        if not _CERTIFICATE_URL.fullmatch(message.signing_cert):
            return _wrong(
                f"SigningCertURL is {_shown(message.signing_cert)}, which is no certificate"
                " of SNS; it was not fetched"
            )
        return None

    async def _certificate(self, url: str, now: float) -> x509.Certificate | Refusal:
        found = self._certificates.get(url)
        if found is None:
            loaded = await self._load_once(url, now)
            if isinstance(loaded, Refusal):
                return loaded
            found = self._certificates[url] = loaded
            while len(self._certificates) > _MAX_CERTIFICATES:
                self._certificates.popitem(last=False)
        return _outdated(found, now) or found

    async def _load_once(self, url: str, now: float) -> x509.Certificate | Refusal:
        """Load a certificate; messages that name it meanwhile wait for the same fetch."""
        loading = self._loading.get(url)
        if loading is not None:
            return await asyncio.shield(
                loading
            )  # so that a cancelled request ends its own wait only
        self._loading[url] = asyncio.get_running_loop().create_future()
        loaded: x509.Certificate | Refusal = _later("the fetch of its certificate was cancelled")
        try:
            loaded = await self._load(url, now)
        finally:
            self._loading.pop(url).set_result(loaded)
        return loaded

    async def _load(self, url: str, now: float) -> x509.Certificate | Refusal:
        self._fetches = [at for at in self._fetches if 0 <= now - at < _MINUTE]
        if len(self._fetches) >= _FETCHES:
            return _later(f"more than {_FETCHES} certificates were named in a minute")
        self._fetches.append(now)
        try:
            certificate = x509.load_pem_x509_certificate(await self._fetch(url))
        except FetchError as error:
            return _later(f"the certificate of SNS cannot be fetched: {error}")
        except (ValueError, TypeError):
            return _later("the certificate of SNS cannot be read: is a proxy in between?")
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        if not any(_CERTIFICATE_NAME.fullmatch(str(name.value)) for name in names):
            return _wrong("the certificate belongs to another than SNS")
        return certificate


def _has_signed(certificate: x509.Certificate, message: _Message) -> bool:
    key = certificate.public_key()
    signature = SignatureEncoding.BASE64.read(message.signature)
    if signature is None or not isinstance(key, RSAPublicKey):
        return False
    values = {
        "Message": message.message,
        "MessageId": message.message_id,
        "Subject": message.subject,
        "SubscribeURL": message.subscribe_url,
        "Timestamp": message.timestamp,
        "Token": message.token,
        "TopicArn": message.topic_arn,
        "Type": message.type,
    }
    lines = [
        f"{name}\n{values[name]}\n" for name in _SIGNED[message.type] if values[name] is not None
    ]
    try:
        hashed = _HASHES[message.signature_version]()
        key.verify(signature, "".join(lines).encode("utf-8"), PKCS1v15(), hashed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _outdated(certificate: x509.Certificate, now: float) -> Refusal | None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins.timestamp() <= now <= ends.timestamp():
        return None
    return _wrong("the certificate of SNS is not valid now: compare the router's clock")


def _unsigned(hint: str) -> Refusal:
    return Refusal(
        code="no_signature",
        reason="the signature of SNS is missing",
        hint=hint,
        status=HTTPStatus.UNAUTHORIZED,
    )


def _wrong(hint: str) -> Refusal:
    return Refusal(
        code="wrong_signature", reason="the signature does not match the message", hint=hint
    )


def _later(hint: str) -> Refusal:
    return Refusal(
        code="no_certificate",
        reason="the signature cannot be checked now; try again later",
        hint=hint,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
    )


def _shown(text: str) -> str:
    return shortened(one_printable_line(text[: 2 * _SHOWN]), _SHOWN)

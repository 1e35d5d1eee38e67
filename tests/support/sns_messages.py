"""Messages of Amazon SNS, signed with a certificate of the tests.

The signed text is written here once more, by AWS's page "Verifying the signatures of Amazon SNS
messages": names and values a line each, sorted by name, without those that are missing.
"""

import base64
import datetime as dt
import json
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from router.timestamps import rfc3339_utc

KEY: Final = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:alarms"
CERTIFICATE_URL: Final = (
    "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)
NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION: Final = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)


def certificate(name: str = "sns.amazonaws.com", *, days: int = 3650) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
        .sign(KEY, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


CERTIFICATE: Final = certificate()


async def fetch_sns_certificate(url: str) -> bytes:
    assert url == CERTIFICATE_URL
    return CERTIFICATE


def signed_text(message: dict[str, Any]) -> bytes:
    names = NOTIFICATION if message["Type"] == "Notification" else CONFIRMATION
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


def hash_of(message: dict[str, Any]) -> hashes.HashAlgorithm:
    is_first = message["SignatureVersion"] == "1"
    return hashes.SHA1() if is_first else hashes.SHA256()  # noqa: S303 - of AWS's version 1


def signed_message(at: float, **changes: Any) -> dict[str, Any]:
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "ALARM",
        "Message": '{"AlarmName": "Latency"}',
        "Timestamp": rfc3339_utc(at),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    message = {name: value for name, value in message.items() if value is not None}
    signature = KEY.sign(signed_text(message), padding.PKCS1v15(), hash_of(message))
    return {**message, "Signature": base64.b64encode(signature).decode()}


def sns_notification(at: float) -> bytes:
    return json.dumps(signed_message(at)).encode()


def sns_agrees(body: bytes) -> bool:
    try:
        message = json.loads(body)
        KEY.public_key().verify(
            base64.b64decode(message["Signature"]),
            signed_text(message),
            padding.PKCS1v15(),
            hash_of(message),
        )
    except (InvalidSignature, ValueError, KeyError):
        return False
    return True


SNS_CHANGES: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda body: body.replace(b"Latency", b"latency"),
    lambda body: body.replace(b'"Subject": "ALARM"', b'"Subject": "OK"'),
    lambda body: body.replace(b'"SignatureVersion": "2"', b'"SignatureVersion": "1"'),
    lambda body: body.replace(b'"Signature": "', b'"Signature": "AA'),
    lambda body: body[:-1],
    lambda _: b"",
)

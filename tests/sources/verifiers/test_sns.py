"""Amazon SNS: whose message, which certificate, and when it is fetched."""

import asyncio
import json

import msgspec
import pytest
from support.requests_of_senders import head_of, verdict
from support.sns_messages import CERTIFICATE_URL, TOPIC, certificate, signed_message

from router.sources.contract import FetchError
from router.sources.verifiers.sns import SnsConfig, SnsVerifier

NOW = 1_764_000_000.0


class Certificates:
    """Counts what is fetched."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = list(answers) or [certificate()]
        self.urls: list[str] = []

    async def fetch(self, url: str) -> bytes:
        self.urls.append(url)
        answer = self.answers[min(len(self.urls), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def verifier_of(certificates, environment, topics=(TOPIC,)):
    shared = msgspec.structs.replace(environment, fetch=certificates.fetch)
    return SnsVerifier(SnsConfig(topics=topics), shared)


async def judge(verifier, message, *, at=NOW):
    return await verdict(verifier, head_of({}, received_at=at), json.dumps(message).encode())


CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "Subject": None,
    "Token": "2336412f37",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"SignatureVersion": "1"},
        {"Subject": None},
        {"Subject": "\u00e9 \n x"},
        CONFIRMATION,
        {**CONFIRMATION, "Type": "UnsubscribeConfirmation", "SignatureVersion": "1"},
    ],
)
async def test_each_type_and_version_passes(changes, environment):
    certificates = Certificates()
    verifier = verifier_of(certificates, environment)
    assert await judge(verifier, signed_message(NOW, **changes)) is None


async def test_messages_at_the_same_time_share_one_fetch(environment):
    certificates = Certificates()
    answers = asyncio.Event()

    async def fetch(url: str) -> bytes:
        await answers.wait()
        return await Certificates.fetch(certificates, url)

    certificates.fetch = fetch
    verifier = verifier_of(certificates, environment)
    async with asyncio.TaskGroup() as group:
        judged = [group.create_task(judge(verifier, signed_message(NOW))) for _ in range(20)]
        await asyncio.sleep(0)
        answers.set()

    assert [each.result() for each in judged] == [None] * 20
    assert certificates.urls == [CERTIFICATE_URL]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem",
        "https://evil.example/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/evil/SimpleNotificationService-0.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem?x",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem\n",
        "https://169.254.169.254/SimpleNotificationService-0.pem",
    ],
)
async def test_a_certificate_of_elsewhere_is_not_fetched(url, environment):
    certificates = Certificates()
    verifier = verifier_of(certificates, environment)
    refusal = await judge(verifier, signed_message(NOW, SigningCertURL=url))
    assert refusal.status == 403
    assert "it was not fetched" in refusal.hint
    assert certificates.urls == []


async def test_a_certificate_is_fetched_once(environment):
    certificates = Certificates()
    verifier = verifier_of(certificates, environment)
    for _ in range(3):
        assert await judge(verifier, signed_message(NOW)) is None
    assert certificates.urls == [CERTIFICATE_URL]


async def test_a_failed_fetch_is_tried_again_with_the_next_message(environment):
    certificates = Certificates(FetchError("no route"), b"<html>", certificate())
    verifier = verifier_of(certificates, environment)
    found = [await judge(verifier, signed_message(NOW)) for _ in range(3)]
    assert [refusal and refusal.status for refusal in found] == [503, 503, None]
    assert "no route" in found[0].hint


async def test_a_stranger_cannot_let_many_certificates_be_fetched(environment):
    certificates = Certificates(FetchError("404"))
    verifier = verifier_of(certificates, environment)
    for number in range(20):
        url = CERTIFICATE_URL.replace("0123", f"{number:04}")
        refusal = await judge(verifier, signed_message(NOW, SigningCertURL=url))
    assert len(certificates.urls) == 6
    assert "in a minute" in refusal.hint
    assert (await judge(verifier, signed_message(NOW + 61), at=NOW + 61)).status == 503
    assert len(certificates.urls) == 7


@pytest.mark.parametrize(
    ("fetched", "expected"),
    [
        (certificate("evil.example"), "the certificate belongs to another than SNS"),
        (certificate("sns.amazonaws.com.evil.example"), "belongs to another than SNS"),
        (certificate(days=30), "the certificate of SNS is not valid now"),
    ],
)
async def test_a_certificate_of_another_or_an_old_one_is_refused(fetched, expected, environment):
    refusal = await judge(verifier_of(Certificates(fetched), environment), signed_message(NOW))
    assert expected in refusal.hint


@pytest.mark.parametrize(
    ("topic", "allowed", "code"),
    [
        (TOPIC, "arn:aws:sns:eu-west-1:123456789012:*", None),
        (TOPIC.replace("123456789012", "999999999999"), TOPIC, "wrong_topic"),
        ("arn:aws:sns:x:999999999999:a:123456789012:alarms", TOPIC, "wrong_topic"),
    ],
)
async def test_only_the_topics_of_the_source_count(topic, allowed, code, environment):
    """Mutant: any message that SNS signed passes."""
    verifier = verifier_of(Certificates(), environment, (allowed,))
    refusal = await judge(verifier, signed_message(NOW, TopicArn=topic))
    assert (refusal and refusal.code) == code


async def test_a_raw_delivery_has_no_signature(environment):
    head = head_of({"x-amz-sns-rawdelivery": "true"})
    refusal = await verdict(verifier_of(Certificates(), environment), head, b"{}")
    assert refusal.status == 401
    assert "raw message delivery" in refusal.hint


@pytest.mark.parametrize("topics", [(), ("alarms",), ("*",)])
def test_topics_must_be_arns(topics):
    with pytest.raises(ValueError, match="topics must"):
        SnsConfig(topics=topics)


def test_topics_of_any_account_are_warned_of():
    assert SnsConfig(topics=("arn:aws:sns:*:*:*",)).warnings()
    assert not SnsConfig(topics=(TOPIC,)).warnings()

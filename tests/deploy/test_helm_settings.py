"""Each container's environment is one with which the router starts."""

from pathlib import Path

import pytest
import trustme
from support.helm import ALL_VALUES, EACH, Helm, of_kind
from support.pod import MadeByHand, Pod

from router.settings.model import Settings

BY_HAND = MadeByHand(
    secrets={
        "router": {
            "ROUTER_TWILIO_AUTH_TOKENS": "0123456789abcdef",
            "ROUTER_EVENTS_TOKEN": "events",
        },
        "router-files": {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/x", "TICKETS_TOKEN": "t"},
        "redis": {"password": "one", "redis-password": "two", "sentinel-password": "three"},
        "redis-ca": {"ca.crt": trustme.CA().cert_pem.bytes().decode()},
    },
    config_maps={"router-rules": {"rules.yaml": "rules: []"}},
)


@pytest.mark.parametrize("name", EACH)
def test_each_container_has_valid_settings(helm: Helm, name: str, tmp_path: Path) -> None:
    objects = helm.objects(ALL_VALUES[name])
    for each in of_kind(objects, "Deployment"):
        pod = Pod(each["metadata"]["name"], objects, BY_HAND, tmp_path / each["metadata"]["name"])
        rules = pod.mount()

        settings = Settings.read(pod.environ())

        assert "$(" not in settings.redis_url.reveal()
        assert settings.host == "0.0.0.0"  # noqa: S104 - a pod has an address of its own
        is_ingress = pod.arguments[0] == "ingress"
        operations = settings.operations_port if is_ingress else settings.worker_port
        assert operations == pod.port("operations")
        assert is_ingress is (settings.operations_port is not None)
        assert rules is None or settings.rules == rules.path

"""Wrong values are rejected before anything is installed, with what is wrong and where."""

from typing import Any

import pytest
from support.helm import Helm, HelmError, with_values

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt section": ({"workers.replicas": 2}, "additional properties 'workers' not allowed"),
    "a misspelt value": ({"worker.replica": 2}, "at '/worker': additional properties 'replica'"),
    "a misspelt nested value": (
        {"expose.paths.twillio": True},
        "at '/expose/paths': additional properties 'twillio'",
    ),
    "a text for a number": ({"ingress.replicas": "2"}, "at '/ingress/replicas': got string"),
    "no pods": ({"worker.replicas": 0}, "at '/worker/replicas': minimum: got 0, want 1"),
    "KEDA that scales to zero": ({"worker.keda.minReplicas": 0}, "at '/worker/keda/minReplicas'"),
    "an unknown setting": (
        {"settings.ROUTER_LOG_LEVELS": "debug"},
        "additional properties 'ROUTER_LOG_LEVELS' not allowed",
    ),
    "a setting with a wrong value": (
        {"settings.ROUTER_LOG_LEVEL": "loud"},
        "must be one of 'debug', 'info', 'warning', 'error'",
    ),
    "a setting out of bounds": (
        {"worker.settings": {"ROUTER_EVALUATE_CONCURRENCY": 101}},
        "at '/worker/settings/ROUTER_EVALUATE_CONCURRENCY': maximum: got 101, want 100",
    ),
    "a duration without a unit": (
        {"settings.ROUTER_HISTORY": "7"},
        "at '/settings/ROUTER_HISTORY': '7' does not match pattern",
    ),
    "a secret among the settings": (
        {"settings.ROUTER_ADMIN_TOKEN": "t"},
        "additional properties 'ROUTER_ADMIN_TOKEN' not allowed",
    ),
    "a setting that the chart sets": (
        {"settings.ROUTER_PORT": 9000},
        "additional properties 'ROUTER_PORT' not allowed",
    ),
    "the drain timeout as a setting": (
        {"settings.ROUTER_DRAIN_TIMEOUT": "5m"},
        "additional properties 'ROUTER_DRAIN_TIMEOUT' not allowed",
    ),
    "a setting among the secrets": (
        {"secrets.values": {"ROUTER_LOG_LEVEL": "debug"}},
        "invalid propertyName 'ROUTER_LOG_LEVEL'",
    ),
    "a file that is no rules file": (
        {"rules.existingConfigMap": "", "rules.files": {"rules.txt": "rules: []"}},
        "invalid propertyName 'rules.txt'",
    ),
    "no Redis": ({"redis.url": ""}, "redis.url: the router needs a Redis"),
    "a Redis without a scheme": ({"redis.url": "redis:6379"}, "at '/redis/url'"),
    "a password in the URL of Redis": (
        {"redis.url": "redis://user:hunter2@redis:6379/0"},
        "redis.url has a password: put it into a Secret",
    ),
    "a password of the sentinels in the URL": (
        {"redis.url": "redis+sentinel://a,b/main/0?sentinel_password=hunter2"},
        "redis.url has a password: put it into a Secret",
    ),
    "a reference to no Secret": (
        {"redis.url": "redis://:$(REDIS_PASSWORD)@redis:6379/0"},
        "name its Secret in redis.passwordSecret.name",
    ),
    "two URLs of Redis": (
        {"secrets.values": {"ROUTER_REDIS_URL": "redis://redis:6379/0"}},
        "both have the URL of Redis: remove one",
    ),
    "no rules": ({"rules.existingConfigMap": ""}, "rules: the router needs rules"),
    "rules twice": ({"rules.files": {"a.yaml": "rules: []"}}, "both have the rules: remove one"),
    "secrets twice": (
        {"secrets.values": {"A": "a"}, "secrets.existing": "router"},
        "both have the secrets: remove one",
    ),
    "secret files of no Secret": (
        {"secretFiles.names": ["SLACK_WEBHOOK_URL"]},
        "name the Secret that has them in secretFiles.existing",
    ),
    "exposed without a host": ({"expose.enabled": True}, "expose.host: write the host name"),
    "a route without a gateway": (
        {"expose.enabled": True, "expose.host": "a.example.com", "expose.kind": "HTTPRoute"},
        "expose.parentRefs: name the Gateway",
    ),
    "a console without a host": (
        {"expose.console.enabled": True},
        "expose.console.host: write the host name of the console",
    ),
    "a console among the senders": (
        {
            "expose.enabled": True,
            "expose.host": "a.example.com",
            "expose.console": {"enabled": True, "host": "a.example.com"},
        },
        "expose.console.host: write another host",
    ),
    "Kinesis without a stream": ({"kinesis.enabled": True}, "kinesis.stream: write the name"),
    "KEDA without Prometheus": (
        {"worker.keda.enabled": True},
        "worker.keda.serverAddress: write the URL of Prometheus",
    ),
    "more pods at least than at most": (
        {"ingress.autoscaling": {"enabled": True, "minReplicas": 11}},
        "ingress.autoscaling.minReplicas is larger than maxReplicas",
    ),
    "more workers at least than at most": (
        {"worker.keda": {"enabled": True, "minReplicas": 11}},
        "worker.keda.minReplicas is larger than maxReplicas",
    ),
    "exposed without a path": (
        {
            "expose": {"enabled": True, "host": "a.example.com"},
            "expose.paths": {"twilio": False, "sources": False, "alerts": False},
        },
        "expose.paths: expose.enabled is true and all paths are false",
    ),
    "a console on a route without a gateway": (
        {"expose": {"kind": "HTTPRoute", "console": {"enabled": True, "host": "a.example.com"}}},
        "expose.parentRefs: name the Gateway",
    ),
    "a destination twice": (
        {"worker.destinations": [{"name": "noc"}, {"name": "noc"}]},
        "worker.destinations names noc twice",
    ),
    "a destination that is no name": (
        {"worker.destinations": [{"name": "NOC"}]},
        "at '/worker/destinations/0/name': 'NOC' does not match pattern",
    ),
    "no limit of memory": (
        {"worker.resources": {"limits": {"cpu": "1"}}, "worker.resources.limits.memory": None},
        "at '/worker/resources/limits'",
    ),
    "a peer that is none": (
        {"networkPolicy.senders": [{"namespace": "ingress"}]},
        "at '/networkPolicy/senders/0': additional properties 'namespace'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_value_is_rejected(helm: Helm, case: str) -> None:
    changes, expected = WRONG[case]

    with pytest.raises(HelmError) as caught:
        helm.render(with_values(changes))

    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


RIGHT: dict[str, dict[str, Any]] = {
    "a Redis in the Secret that exists": {"redis.url": "", "secrets.existing": "router"},
    "a Redis in the Secret of the chart": {
        "redis.url": "",
        "secrets.values": {"ROUTER_REDIS_URL": "rediss://user:password@redis:6380/0"},
    },
    "a user without a password": {"redis.url": "redis://user@redis:6379/0"},
    "an address of six": {"redis.url": "redis://[::1]:6379/0"},
    "no history": {"settings.ROUTER_HISTORY": "0"},
    "a size as a number": {"settings.ROUTER_MAX_BODY": 65536},
    "a list": {"settings.ROUTER_MASKED_FIELDS": ["data.from", "data.to"]},
    "a secret that another program writes into a file": {
        "settings.ROUTER_ADMIN_TOKEN_FILE": "/vault/secrets/admin-token"
    },
    "a chart in a chart": {"global": {"imageRegistry": "registry.example.com"}},
}


@pytest.mark.parametrize("case", RIGHT)
def test_an_unusual_value_is_right(helm: Helm, case: str) -> None:
    assert helm.objects(with_values(RIGHT[case]))

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
        "ROUTER_REDIS_URL is given by secrets.values, and ROUTER_REDIS_URL by redis.url: remove one",
    ),
    "a URL of Redis as a value and as a file": (
        {"secretFiles": {"existing": "files", "names": ["ROUTER_REDIS_URL"]}},
        "ROUTER_REDIS_URL is given by redis.url, and ROUTER_REDIS_URL_FILE by secretFiles.names",
    ),
    "a secret as a value and as a file": (
        {
            "secrets.values": {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/x"},
            "secretFiles": {"existing": "files", "names": ["SLACK_WEBHOOK_URL"]},
        },
        "SLACK_WEBHOOK_URL is given by secrets.values, and SLACK_WEBHOOK_URL_FILE by secretFiles",
    ),
    "a setting as a value and as a file": (
        {"settings": {"ROUTER_LOG_LEVEL": "info", "ROUTER_LOG_LEVEL_FILE": "/x"}},
        "ROUTER_LOG_LEVEL is given by settings, and ROUTER_LOG_LEVEL_FILE by settings",
    ),
    "a setting that is a variable, too": (
        {
            "settings.ROUTER_LOG_LEVEL": "info",
            "worker.extraEnv": [{"name": "ROUTER_LOG_LEVEL", "value": "debug"}],
        },
        "ROUTER_LOG_LEVEL is given by settings, and ROUTER_LOG_LEVEL by extraEnv: remove one",
    ),
    "a variable that is no setting": (
        {"worker.extraEnv": [{"name": "ROUTER_LOG_LEVELS", "value": "debug"}]},
        "at '/worker/extraEnv/0/name'",
    ),
    "a variable that the chart sets": (
        {"worker.extraEnv": [{"name": "ROUTER_WORKER_PORT", "value": "9"}]},
        "at '/worker/extraEnv/0/name'",
    ),
    "a variable that is a number": (
        {"worker.extraEnv": [{"name": "A", "value": 1}]},
        "at '/worker/extraEnv/0/value': got number, want string",
    ),
    "a variable without a name": (
        {"worker.extraEnv": [{"value": "a"}]},
        "at '/worker/extraEnv/0': missing property 'name'",
    ),
    "no rules": ({"rules.existingConfigMap": ""}, "rules: the router needs rules"),
    "rules twice": (
        {"rules.files": {"a.yaml": "rules: []"}},
        "more than one has the rules: remove all but one",
    ),
    "rules as a ConfigMap and a volume": (
        {"rules.volume": {"emptyDir": {}}},
        "more than one has the rules: remove all but one",
    ),
    "rules that a ConfigMap cannot take": (
        {"rules": {"files": {"a.yaml": "#" * (1 << 20), "b.yaml": "#"}}},
        "rules.files has 1048577 bytes, and a ConfigMap takes 1048576",
    ),
    "no role": (
        {"ingress.enabled": False, "worker.enabled": False},
        "ingress.enabled, worker.enabled and kinesis.enabled are all false",
    ),
    "a console without ingress": (
        {"ingress.enabled": False, "expose.console": {"enabled": True, "host": "a.example.com"}},
        "ingress serves senders and the console",
    ),
    "a destination without workers": (
        {"worker.enabled": False, "worker.destinations": [{"name": "noc"}]},
        "worker.destinations: worker.enabled is false",
    ),
    "a host with a scheme": (
        {"expose": {"enabled": True, "host": "https://a.example.com"}},
        "at '/expose/host': 'https://a.example.com' does not match pattern",
    ),
    "a host of any name": (
        {"expose": {"enabled": True, "host": "*.example.com"}},
        "at '/expose/host': '*.example.com' does not match pattern",
    ),
    "a name that is no label": (
        {"fullnameOverride": "My_Router"},
        "at '/fullnameOverride': 'My_Router' does not match pattern",
    ),
    "a label of the chart": (
        {"pod.labels": {"app.kubernetes.io/name": "a"}},
        "pod.labels has app.kubernetes.io/name, which the chart sets",
    ),
    "a volume of the chart": (
        {"pod.extraVolumes": [{"name": "tmp", "emptyDir": {}}]},
        "pod.extraVolumes has tmp, which is a volume of the chart",
    ),
    "a folder of the chart": (
        {"pod.extraVolumeMounts": [{"name": "a", "mountPath": "/etc/router/rules/"}]},
        "pod.extraVolumeMounts has /etc/router/rules/, where the chart mounts a volume of its own",
    ),
    "a field of the chart": (
        {"pod.extraSpec": {"containers": []}},
        "pod.extraSpec has containers, which the chart sets",
    ),
    "a policy for another type of Service": (
        {"ingress.service.externalTrafficPolicy": "Local"},
        "externalTrafficPolicy and nodePort are for the types NodePort and LoadBalancer",
    ),
    "networks for another type of Service": (
        {"ingress.service.loadBalancerSourceRanges": ["192.0.2.0/24"]},
        "loadBalancerSourceRanges are for the type LoadBalancer",
    ),
    "an alert that does not exist": (
        {"metrics.prometheusRule": {"enabled": True, "disabled": ["RouterNoEvent"]}},
        "metrics.prometheusRule.disabled has RouterNoEvent, which is no alert",
    ),
    "an image with its tag": (
        {"image.repository": "registry.example.com/event-router:0.1.0"},
        "at '/image/repository'",
    ),
    "a time that is none": (
        {"kinesis": {"enabled": True, "stream": "a", "from": "yesterday"}},
        "at '/kinesis/from': 'yesterday' does not match pattern",
    ),
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
    "a Redis in a mounted Secret": {
        "redis.url": "",
        "secretFiles": {"existing": "files", "names": ["ROUTER_REDIS_URL"]},
    },
    "a Redis in a file": {"redis.url": "", "settings.ROUTER_REDIS_URL_FILE": "/vault/redis"},
    "a Redis in a variable": {
        "redis.url": "",
        "pod.extraEnv": [
            {"name": "ROUTER_REDIS_URL", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
        ],
    },
    "a public URL in a file": {
        "expose": {"enabled": True, "host": "a.example.com"},
        "settings.ROUTER_PUBLIC_URL_FILE": "/vault/url",
    },
    "an amount as a number": {"worker.resources": {"limits": {"cpu": 0.5, "memory": "1Gi"}}},
    "a registry with a port": {"image.repository": "registry.example.com:5000/event-router"},
    "a chart in a chart": {"global": {"imageRegistry": "registry.example.com"}},
}


@pytest.mark.parametrize("case", RIGHT)
def test_an_unusual_value_is_right(helm: Helm, case: str) -> None:
    assert helm.objects(with_values(RIGHT[case]))

"""Values as people write them: empty keys, numbers for names, long names, names that the chart has too."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
import yaml
from support.helm import CHART, REQUIRED, Helm, Object, example, named, of_kind, with_values
from support.helm_readme import defaults
from support.kubernetes_schemas import all_versions, problems
from support.pod import containers, labels, pod_spec

NEWEST: Final = all_versions()[-1] if all_versions() else ""
FULL: Final = with_values({"expose.parentRefs": [{"name": "public"}]}, example("all-on"))


def paths(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value and each section, with its default."""
    for name, child in node.items():
        yield path + name, child
        if isinstance(child, dict) and name != "resources":
            yield from paths(child, f"{path}{name}.")


def invalid(objects: list[Object]) -> list[str]:
    return [each for object_ in objects for each in problems(object_, NEWEST)]


def test_an_empty_key_counts_as_not_given(helm: Helm) -> None:
    """``settings:`` with nothing below it is null, for which Helm removes the default: a nil pointer."""
    sections = {name: None for name, child in defaults().items() if isinstance(child, dict | list)}
    given = {"redis": REQUIRED["redis"], "rules": REQUIRED["rules"]}

    assert helm.objects({**sections, **given}) == helm.objects(REQUIRED)


SECTIONS: Final = [
    path
    for path, default in paths(defaults())
    if isinstance(default, dict | list) and path not in REQUIRED
]


@pytest.mark.deploy
@pytest.mark.parametrize("path", SECTIONS)
def test_any_section_may_be_empty(helm: Helm, path: str) -> None:
    assert helm.objects(with_values({path: None})) == helm.objects(REQUIRED)


def test_null_removes_a_limit(helm: Helm) -> None:
    """As Helm documents it."""
    found = helm.objects(with_values({"worker.resources.limits.cpu": None}))

    (container,) = containers(named(found, "Deployment", "router-event-router-worker"))
    assert container["resources"]["limits"] == {"memory": "512Mi"}


NAMES: Final = (
    *("redis.passwordSecret.name", "redis.passwordSecret.key", "redis.tlsSecret"),
    *("redis.sentinelPasswordSecret.name", "redis.sentinelPasswordSecret.key"),
    *("secretFiles.existing", "worker.keda.authenticationRef", "kinesis.serviceAccount.name"),
    *("serviceAccount.name", "expose.className", "expose.tls.secretName", "expose.host"),
    *("expose.console.tls.secretName", "pod.priorityClassName", "image.tag", "kinesis.stream"),
    *("kinesis.region", "nameOverride"),
)


@pytest.mark.parametrize("word", ["123", "true", "null", "1e3", "0x1f", "on", "2020-01-01"])
def test_a_name_is_a_text_whatever_it_looks_like(helm: Helm, word: str) -> None:
    """Without quotes YAML makes a number, a boolean or a date of it, which Kubernetes rejects."""
    values = with_values({**dict.fromkeys(NAMES, word), "image.digest": ""}, FULL)
    values["image"]["pullSecrets"] = [word]

    assert invalid(helm.objects(values, release="1")) == []


@pytest.mark.parametrize(
    ("release", "changes", "expected"),
    [
        ("router", {}, "router-event-router"),
        ("event-router", {}, "event-router"),
        ("7", {}, "r7-event-router"),
        ("a.b", {}, "a-b-event-router"),
        ("router", {"nameOverride": "x"}, "router-x"),
        ("router", {"fullnameOverride": "x"}, "x"),
        ("a" * 53, {}, "a" * 41 + "-399defd7"),
    ],
)
def test_names_are_those_that_services_may_have(
    helm: Helm, release: str, changes: dict[str, Any], expected: str
) -> None:
    """A Service's name is a label of DNS that begins with a letter (RFC 1035)."""
    found = helm.objects(with_values(changes), release=release)

    assert {each["metadata"]["name"] for each in of_kind(found, "Service")} == {
        f"{expected}-{end}" for end in ("ingress", "operations", "metrics")
    }
    assert invalid(found) == []


def test_each_name_of_a_destination_has_a_worker(helm: Helm) -> None:
    """Names may end in a hyphen, which a label may not, and be longer than a label with what is before them."""
    names = ["a", "a-", "a--", "a" * 64, "a" * 63 + "b", "a" * 63 + "-"]
    changes = {
        "worker.destinations": [{"name": name} for name in names],
        "networkPolicy.enabled": True,
        "worker.keda": {"enabled": True, "serverAddress": "http://prometheus"},
        "fullnameOverride": "r" * 63,
    }
    found = helm.objects(with_values(changes))

    workers = [each for each in of_kind(found, "Deployment") if "--destination" in str(each)]
    assert [containers(each)[0]["args"][2] for each in workers] == names
    components = {labels(each)["app.kubernetes.io/component"] for each in workers}
    assert len(components) == len({each["metadata"]["name"] for each in workers}) == len(names)
    for text in components | {each["metadata"]["name"] for each in found}:
        assert len(text) <= 63
        assert text[-1].isalnum()
    assert invalid(found) == []


@pytest.mark.parametrize(
    ("setting", "written", "expected"),
    [
        ("ROUTER_EVENTS_OPEN", "yes", "yes"),
        ("ROUTER_EVENTS_OPEN", "no", "no"),
        ("ROUTER_TRACES", "off", "off"),
        ("ROUTER_MAX_BODY", "1048576", "1048576"),
        ("ROUTER_HISTORY", '"0"', "0"),
    ],
)
def test_a_setting_needs_no_quotes(helm: Helm, setting: str, written: str, expected: str) -> None:
    """Helm reads YAML 1.1, in which ``yes``, ``no`` and ``off`` are booleans; so does this test's reader."""
    values = with_values({f"settings.{setting}": yaml.safe_load(written)})

    (container,) = containers(
        named(helm.objects(values), "Deployment", "router-event-router-worker")
    )
    assert {"name": setting, "value": expected} in container["env"]


def test_one_role_may_be_alone(helm: Helm) -> None:
    off = {f"{role}.enabled": False for role in ("ingress", "worker")}
    kinesis = {"kinesis.enabled": True, "kinesis.stream": "events"}
    everything = {
        "networkPolicy.enabled": True,
        "ingress.autoscaling.enabled": True,
        "worker.keda": {"enabled": True, "serverAddress": "http://prometheus"},
    }

    def roles(changes: dict[str, Any]) -> set[str]:
        found = helm.objects(with_values(everything | changes))
        assert invalid(found) == []
        for each in of_kind(found, "HorizontalPodAutoscaler", "ScaledObject"):
            named(found, "Deployment", each["spec"]["scaleTargetRef"]["name"])
        services = {each["metadata"]["name"] for each in of_kind(found, "Service")}
        deployed = {
            each["metadata"]["name"].removeprefix("router-event-router-")
            for each in of_kind(found, "Deployment")
        }
        assert ("router-event-router-ingress" in services) is ("ingress" in deployed)
        assert len(of_kind(found, "PodDisruptionBudget")) == len(deployed)
        return deployed

    assert roles({**off, **kinesis}) == {"kinesis"}
    assert roles({"worker.enabled": False}) == {"ingress"}
    assert roles({"ingress.enabled": False}) == {"worker"}


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute"])
def test_further_hosts_have_the_same_paths(helm: Helm, kind: str) -> None:
    expose = {"enabled": True, "host": "a.example.com", "extraHosts": ["b.example.com"]}
    more = {"kind": kind, "parentRefs": [{"name": "g"}]}
    found = helm.objects(with_values({"expose": expose | more}))

    (object_,) = of_kind(found, kind)
    if kind == "Ingress":
        first, second = object_["spec"]["rules"]
        assert first["http"] == second["http"]
        hosts = [first["host"], second["host"]]
        assert object_["spec"]["tls"][0]["hosts"] == hosts
    else:
        hosts = object_["spec"]["hostnames"]
    assert hosts == ["a.example.com", "b.example.com"]
    assert "https://a.example.com" in str(of_kind(found, "Deployment"))
    assert invalid(found) == []


def test_the_rules_may_be_any_volume(helm: Helm) -> None:
    """For example, because they are larger than a ConfigMap."""
    volume = {"projected": {"sources": [{"configMap": {"name": name}} for name in ("a", "b")]}}
    found = helm.objects(with_values({"rules": {"volume": volume, "existingConfigMap": ""}}))

    for each in of_kind(found, "Deployment"):
        assert {"name": "rules", **volume} in pod_spec(each)["volumes"]
    assert invalid(found) == []


def test_a_sender_keeps_its_address_behind_a_load_balancer(helm: Helm) -> None:
    service = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "loadBalancerClass": "service.k8s.aws/nlb",
        "loadBalancerSourceRanges": ["192.0.2.0/24", "2001:db8::/32"],
        "nodePort": 30080,
    }
    found = helm.objects(with_values({"ingress.service": service}))

    spec = named(found, "Service", "router-event-router-ingress")["spec"]
    assert (
        spec.items() >= {name: each for name, each in service.items() if name != "nodePort"}.items()
    )
    assert spec["ports"][0]["nodePort"] == 30080
    assert invalid(found) == []


def test_all_objects_have_the_common_labels_and_annotations(helm: Helm) -> None:
    more = {"example.com/team": "voice"}
    for each in helm.objects(with_values({"commonLabels": more, "commonAnnotations": more}, FULL)):
        assert each["metadata"]["labels"].items() >= more.items()
        assert each["metadata"]["annotations"].items() >= more.items()
        if each["kind"] == "Deployment":
            assert labels(each).items() >= more.items()
            assert "example.com/team" not in each["spec"]["selector"]["matchLabels"]


def test_a_pod_may_have_more_than_the_chart_knows(helm: Helm) -> None:
    sidecar = {"name": "proxy", "image": "registry.example.com/proxy:1"}
    more = {"hostAliases": [{"ip": "192.0.2.1", "hostnames": ["redis"]}], "dnsPolicy": "Default"}
    values = with_values({"pod.extraContainers": [sidecar], "pod.extraSpec": more, "pod.user": ""})
    found = helm.objects(values)

    for each in of_kind(found, "Deployment"):
        assert sidecar in containers(each)
        assert pod_spec(each).items() >= more.items()
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & pod_spec(each)["securityContext"].keys()
    (doctor,) = of_kind(found, "Pod")
    assert len(containers(doctor)) == 1  # helm test would wait for a sidecar for ever
    assert invalid(found) == []


def test_a_selector_of_the_values_is_kept(helm: Helm) -> None:
    own = {"matchLabels": {"example.com/team": "voice"}}
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    changes = {"pod.topologySpreadConstraints": [constraint | {"labelSelector": own}]}

    for each in of_kind(helm.objects(with_values(changes)), "Deployment"):
        assert pod_spec(each)["topologySpreadConstraints"] == [constraint | {"labelSelector": own}]


def test_a_variable_of_a_role_is_over_that_of_all(helm: Helm) -> None:
    changes = {
        "pod.extraEnv": [{"name": "TZ", "value": "UTC"}, {"name": "A", "value": "all"}],
        "worker.extraEnv": [{"name": "A", "value": "worker"}],
    }
    found = helm.objects(with_values(changes))

    def value(role: str) -> list[str]:
        (container,) = containers(named(found, "Deployment", f"router-event-router-{role}"))
        return [each["value"] for each in container["env"] if each["name"] == "A"]

    assert (value("worker"), value("ingress")) == (["worker"], ["all"])


def test_a_template_has_the_defaults_of_the_chart() -> None:
    """Mutant: a template without its first line, which a null makes a nil pointer."""
    for path in (CHART / "templates").glob("*.yaml"):
        assert path.read_text("utf-8").startswith('{{- include "event-router.fill" . -}}\n'), path

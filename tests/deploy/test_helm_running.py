"""Pods are probed, measured, scaled, drained and replaced as an operator expects."""

import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from support.helm import (
    CHART,
    REQUIRED,
    Helm,
    Object,
    example,
    of_kind,
    with_values,
)
from support.monitoring_path import promtool_path
from support.pod import containers, labels


def test_prometheus_reads_each_pod_ready_or_not(helm: Helm) -> None:
    found = helm.objects(example("all-on"))

    (monitor,) = of_kind(found, "ServiceMonitor")
    selector = monitor["spec"]["selector"]["matchLabels"].items()
    (service,) = (
        each for each in of_kind(found, "Service") if selector <= each["metadata"]["labels"].items()
    )
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert service["spec"]["publishNotReadyAddresses"] is True
    pods = of_kind(found, "Deployment")
    assert len(pods) == 5
    assert all(service["spec"]["selector"].items() <= labels(each).items() for each in pods)


def test_operators_select_by_the_labels_of_the_values(helm: Helm) -> None:
    found = helm.objects(example("all-on"))

    for each in of_kind(found, "ServiceMonitor", "PrometheusRule"):
        assert each["metadata"]["labels"]["release"] == "prometheus"
    dashboards = [each for each in found if "dashboard" in each["metadata"]["name"]]
    assert len(dashboards) == 3
    for each in dashboards:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "Router"}


def test_changed_secrets_of_the_chart_replace_the_pods(helm: Helm) -> None:
    """Variables are read at the start."""

    def annotations(token: str) -> list[str]:
        values = with_values({"secrets.values": {"ROUTER_EVENTS_TOKEN": token}})
        deployments = of_kind(helm.objects(values), "Deployment")
        return [
            each["spec"]["template"]["metadata"]["annotations"]["checksum/secrets"]
            for each in deployments
        ]

    assert annotations("one") == annotations("one")
    assert set(annotations("one")).isdisjoint(annotations("two"))


def test_changed_rules_replace_no_pod(helm: Helm) -> None:
    """The router reloads them by itself."""

    def deployments(text: str) -> list[Object]:
        changes = {"rules.existingConfigMap": "", "rules.files": {"rules.yaml": text}}
        return of_kind(helm.objects(with_values(changes)), "Deployment")

    assert deployments("rules: []") == deployments("rules: []  # changed")


def test_the_alerts_are_those_of_the_repository(helm: Helm) -> None:
    """Each metric with the matchers of the release, so that two of them share no alert."""
    (rule,) = of_kind(helm.objects(example("all-on")), "PrometheusRule")

    text = (CHART.parent / "alerts.yml").read_text("utf-8")
    own = '{namespace="alerts"'
    for group in rule["spec"]["groups"]:
        for each in group["rules"]:
            metrics = len(re.findall(r"\brouter_[a-z_]+", each["expr"]))
            assert each["expr"].count(own) == metrics >= 1
            each["expr"] = each["expr"].replace(own + "}", "").replace(own + ",", "{")
    assert rule["spec"] == yaml.safe_load(text)


@pytest.mark.deploy
@pytest.mark.skipif(promtool_path() is None, reason="there is no promtool: make monitoring")
def test_prometheus_reads_the_alerts_with_matchers(helm: Helm, tmp_path: Path) -> None:
    matchers = 'namespace="alerts",job=~"router-.+"'
    changes = {"metrics.prometheusRule": {"enabled": True, "matchers": matchers}}
    (rule,) = of_kind(helm.objects(with_values(changes)), "PrometheusRule")
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]), "utf-8")

    checked = subprocess.run(  # noqa: S603 - Prometheus's own
        [str(promtool_path()), "check", "rules", "rules.yml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_an_alert_can_be_left_out(helm: Helm) -> None:
    names = ["RouterNoEvents", "RouterKinesisLag"]
    changes = {"metrics.prometheusRule": {"enabled": True, "disabled": names}}
    (rule,) = of_kind(helm.objects(with_values(changes)), "PrometheusRule")

    found = {each["alert"] for group in rule["spec"]["groups"] for each in group["rules"]}
    known = re.findall(r"alert: (\w+)", (CHART.parent / "alerts.yml").read_text("utf-8"))
    assert found == set(known) - set(names)


@pytest.mark.parametrize("url", ["https://wiki.example.com/router", "http://wiki/"])
def test_runbooks_are_where_the_values_say(helm: Helm, url: str) -> None:
    changes = {"metrics.prometheusRule": {"enabled": True, "runbooks": url}}
    (rule,) = of_kind(helm.objects(with_values(changes)), "PrometheusRule")

    rules = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    assert {each["annotations"]["runbook_url"] for each in rules} == {
        f"{url.rstrip('/')}/{each['alert']}.md" for each in rules
    }


def test_the_dashboards_are_those_of_the_repository(helm: Helm) -> None:
    maps = of_kind(helm.objects(example("all-on")), "ConfigMap")
    found = {
        name: msgspec.json.decode(text)
        for each in maps
        if each["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }

    folder = CHART.parent / "grafana" / "dashboards"
    assert found == {path.name: msgspec.json.decode(path.read_bytes()) for path in folder.iterdir()}


def test_a_pod_has_time_to_drain(helm: Helm) -> None:
    """More than twice ROUTER_DRAIN_TIMEOUT, beside the seconds before SIGTERM."""
    values = with_values({"drainSeconds": 100, "ingress.preStopSeconds": 25})
    for each in of_kind(helm.objects(values), "Deployment"):
        pod = each["spec"]["template"]["spec"]
        before = 25 if each["metadata"]["name"].endswith("ingress") else 0
        assert pod["terminationGracePeriodSeconds"] > 2 * 100 + before
        (container,) = containers(each)
        assert {"name": "ROUTER_DRAIN_TIMEOUT", "value": "100s"} in container["env"]
        sleep = {"preStop": {"exec": {"command": ["sleep", "25"]}}}
        assert container.get("lifecycle") == (sleep if before else None)


def test_probes_ask_the_operations_port(objects: list[Object]) -> None:
    """Liveness never asks Redis, because a restart does not bring it back."""
    for each in of_kind(objects, "Deployment"):
        (container,) = containers(each)
        probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("liveness", "startup")}
        assert set(map(str, probes.values())) == {"{'path': '/healthz', 'port': 'operations'}"}
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "operations"}


def test_an_autoscaler_alone_sets_the_number_of_pods(helm: Helm) -> None:
    found = helm.objects(example("all-on"))

    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in of_kind(found, "HorizontalPodAutoscaler", "ScaledObject")
    }
    for each in of_kind(found, "Deployment"):
        assert ("replicas" in each["spec"]) == (each["metadata"]["name"] not in scaled)


def test_keda_asks_for_the_queue_of_each_deployment(helm: Helm) -> None:
    queues = {
        each["metadata"]["name"]: {
            re.findall(r'{queue="([^"]+)",namespace="alerts"}', trigger["metadata"]["query"])[0]
            for trigger in each["spec"]["triggers"]
        }
        for each in of_kind(helm.objects(example("all-on")), "ScaledObject")
    }

    assert queues == {
        "router-event-router-worker": {"evaluate"},
        "router-event-router-worker-noc": {"deliver:noc"},
        "router-event-router-worker-tickets": {"deliver:tickets"},
    }


def test_keda_doubles_at_twice_the_age_and_adds_a_pod_for_each_depth(helm: Helm) -> None:
    for each in of_kind(helm.objects(example("all-on")), "ScaledObject"):
        age, depth = each["spec"]["triggers"]
        assert ("oldest_age" in age["metadata"]["query"], age["metricType"]) == (True, "Value")
        assert ("depth" in depth["metadata"]["query"], depth["metricType"]) == (
            True,
            "AverageValue",
        )
        assert (age["metadata"]["threshold"], depth["metadata"]["threshold"]) == ("15", "2000")
        assert (each["spec"]["minReplicaCount"], each["spec"]["maxReplicaCount"]) == (1, 10)
        assert (each["spec"]["pollingInterval"], each["spec"]["cooldownPeriod"]) == (15, 300)


def test_some_workers_evaluate_beside_those_of_destinations(helm: Helm) -> None:
    found = of_kind(helm.objects(example("per-destination-workers")), "Deployment")
    arguments = {each["metadata"]["name"]: containers(each)[0]["args"] for each in found}

    assert arguments == {
        "router-event-router-ingress": ["ingress"],
        "router-event-router-worker": ["worker"],
        "router-event-router-worker-slack-noc": ["worker", "--destination", "slack-noc"],
        "router-event-router-worker-data-lake": ["worker", "--destination", "data-lake"],
    }


def test_helm_test_runs_the_doctor(helm: Helm) -> None:
    (pod,) = of_kind(helm.objects(REQUIRED), "Pod")

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    (container,) = containers(pod)
    assert container["args"][0] == "doctor"
    assert "url" not in container["args"]  # not each cluster reaches its own public address
    assert not {"ports", "livenessProbe", "readinessProbe"} & container.keys()


def test_a_pod_is_replaced_when_the_next_one_is_ready(objects: list[Object]) -> None:
    for each in of_kind(objects, "Deployment"):
        rolling = {"maxSurge": 1, "maxUnavailable": 0}
        assert each["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
        annotations = each["spec"]["template"]["metadata"]["annotations"]
        assert annotations["kubectl.kubernetes.io/default-container"] == "router"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Nothing is reachable from outside the cluster"),
        ({}, "helm test router --namespace alerts --logs"),
        ({"networkPolicy.enabled": False}, "networkPolicy.enabled is false"),
        ({"ingress.replicas": 1}, "ingress.replicas is 1"),
        ({"secrets.values": {"A": "a"}}, "secrets.values are in the record of the release"),
        ({"expose.enabled": True, "expose.host": "a.example.com"}, "https://a.example.com:"),
        ({"worker.destinations": [{"name": "noc"}]}, "delivers to all destinations as before"),
    ],
)
def test_the_notes_say_what_is_next(helm: Helm, changes: dict[str, Any], expected: str) -> None:
    assert expected in helm.render(with_values(changes))["NOTES.txt"]

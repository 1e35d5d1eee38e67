"""What an operator may rely on, of every object that the chart renders."""

import base64
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml
from support.helm import (
    CHART,
    EXAMPLES,
    REQUIRED,
    Helm,
    Object,
    example,
    named,
    of_kind,
    with_values,
)
from support.pod import containers, made_secrets, pod_spec, workloads

from router.configuration.load import load
from router.settings.environment import FROM_FILE
from router.settings.model import SETTINGS

VALUES = {"required": dict(REQUIRED), **{name: example(name) for name in EXAMPLES}}
KNOWN = {name for each in SETTINGS for name in (each.name, each.name + FROM_FILE)}


@pytest.fixture(params=VALUES)
def objects(helm: Helm, request: pytest.FixtureRequest) -> list[Object]:
    return helm.objects(VALUES[request.param])


def exposed(objects: list[Object]) -> dict[str, list[tuple[str, str, str]]]:
    """Return the type, path and Service of all paths, by host."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for each in of_kind(objects, "Ingress"):
        for rule in each["spec"]["rules"]:
            paths = rule["http"]["paths"]
            found[rule["host"]] = [
                (path["pathType"], path["path"], path["backend"]["service"]["name"])
                for path in paths
            ]
    for each in of_kind(objects, "HTTPRoute"):
        (rule,) = each["spec"]["rules"]
        (backend,) = rule["backendRefs"]
        paths = [(m["path"]["type"], m["path"]["value"], backend["name"]) for m in rule["matches"]]
        found |= dict.fromkeys(each["spec"]["hostnames"], paths)
    return found


def test_each_object_is_of_the_release(objects: list[Object]) -> None:
    for each in objects:
        assert each["metadata"]["namespace"] == "alerts"
        assert (
            each["metadata"]["labels"].items()
            >= {
                "app.kubernetes.io/name": "event-router",
                "app.kubernetes.io/instance": "router",
                "app.kubernetes.io/managed-by": "Helm",
            }.items()
        )


def test_nothing_is_exposed_by_default(helm: Helm) -> None:
    found = helm.objects(REQUIRED)

    assert exposed(found) == {}
    assert {each["spec"]["type"] for each in of_kind(found, "Service")} == {"ClusterIP"}


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute"])
def test_only_three_paths_are_exposed(helm: Helm, kind: str) -> None:
    changes = {
        "enabled": True,
        "host": "a.example.com",
        "kind": kind,
        "parentRefs": [{"name": "g"}],
    }

    found = exposed(helm.objects(with_values({"expose": changes})))

    prefix = "Prefix" if kind == "Ingress" else "PathPrefix"
    assert found == {
        "a.example.com": [
            ("Exact", "/twilio", "router-event-router-ingress"),
            (prefix, "/in", "router-event-router-ingress"),
            (prefix, "/alerts", "router-event-router-ingress"),
        ]
    }


def test_the_console_and_events_are_exposed_by_option(helm: Helm) -> None:
    found = exposed(helm.objects(example("all-on")))

    assert ("Exact", "/events", "router-event-router-ingress") in found["router.example.com"]
    assert {service for _, _, service in found["router.example.com"]} == {
        "router-event-router-ingress"
    }
    assert found["router-console.example.com"] == [
        ("Prefix", "/console", "router-event-router-operations"),
        ("Prefix", "/api/v1", "router-event-router-operations"),
    ]


def test_an_exposed_host_is_the_public_url(helm: Helm) -> None:
    changes = {"expose.enabled": True, "expose.host": "a.example.com"}
    own = {**changes, "settings.ROUTER_PUBLIC_URL": "https://b.example.com/router"}

    def url(values: dict[str, Any]) -> str:
        ingress = named(helm.objects(values), "Deployment", "router-event-router-ingress")
        variables = containers(ingress)[0]["env"]
        (found,) = (each["value"] for each in variables if each["name"] == "ROUTER_PUBLIC_URL")
        return str(found)

    assert url(with_values(changes)) == "https://a.example.com"
    assert url(with_values({**changes, "expose.tls.enabled": False})) == "http://a.example.com"
    assert url(with_values(own)) == "https://b.example.com/router"


def test_each_pod_has_no_more_rights_than_it_needs(objects: list[Object]) -> None:
    """The profile *restricted* of https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
    for each in workloads(objects):
        pod = pod_spec(each)
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for container in containers(each):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    for each in of_kind(objects, "ServiceAccount"):
        assert each["automountServiceAccountToken"] is False
    assert of_kind(objects, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding") == []


def test_mounted_secrets_are_read_by_the_router_alone(helm: Helm) -> None:
    for each in workloads(helm.objects(example("all-on"))):
        pod = pod_spec(each)
        modes = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
        assert modes == [0o440, 0o440]
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] == 10001


def test_the_image_runs_as_the_user_of_the_chart() -> None:
    dockerfile = (CHART.parents[1] / "Dockerfile").read_text("utf-8")

    assert re.search(r"^USER 10001$", dockerfile, re.MULTILINE)


def labels(workload: Object) -> dict[str, str]:
    pod = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    found: dict[str, str] = pod["metadata"]["labels"]
    return found


def test_each_selector_has_its_pods(objects: list[Object]) -> None:
    deployments = of_kind(objects, "Deployment")

    def selected(selector: dict[str, str]) -> list[str]:
        return [
            each["metadata"]["name"]
            for each in workloads(objects)
            if selector.items() <= labels(each).items()
        ]

    for each in deployments:
        assert selected(each["spec"]["selector"]["matchLabels"]) == [each["metadata"]["name"]]
        for spread in each["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert selected(spread["labelSelector"]["matchLabels"]) == [each["metadata"]["name"]]
    for each in of_kind(objects, "PodDisruptionBudget"):
        assert selected(each["spec"]["selector"]["matchLabels"]) == [each["metadata"]["name"]]
    for each in of_kind(objects, "NetworkPolicy"):
        assert selected(each["spec"]["podSelector"]["matchLabels"]) == [each["metadata"]["name"]]
    for each in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        assert each["spec"]["scaleTargetRef"]["name"] in {
            d["metadata"]["name"] for d in deployments
        }


def test_each_service_has_pods_with_its_port(objects: list[Object]) -> None:
    for service in of_kind(objects, "Service"):
        selector = service["spec"]["selector"].items()
        found = [
            each for each in of_kind(objects, "Deployment") if selector <= labels(each).items()
        ]
        assert found
        for port in service["spec"]["ports"]:
            for each in found:
                names = [p["name"] for p in containers(each)[0]["ports"]]
                assert port["targetPort"] in names


def test_each_backend_is_a_port_of_a_service(objects: list[Object]) -> None:
    services = {
        each["metadata"]["name"]: each["spec"]["ports"] for each in of_kind(objects, "Service")
    }
    for host in exposed(objects).values():
        assert {service for _, _, service in host} <= services.keys()
    for each in of_kind(objects, "HTTPRoute"):
        for backend in each["spec"]["rules"][0]["backendRefs"]:
            assert backend["port"] in {port["port"] for port in services[backend["name"]]}


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


def test_each_variable_is_a_setting(objects: list[Object]) -> None:
    for each in workloads(objects):
        names = [variable["name"] for variable in containers(each)[0]["env"]]
        assert len(set(names)) == len(names)
        assert {name for name in names if name.startswith("ROUTER_")} <= KNOWN


def test_a_number_is_written_out(helm: Helm) -> None:
    """Helm reads numbers as floats, and prints large ones as 5e+06."""
    values = with_values(
        {"settings.ROUTER_MAX_ALERTS": 5_000_000, "worker.keda.queueDepth": 3_000_000},
        example("all-on"),
    )
    found = helm.objects(values)

    assert "'5000000'" in str(found)
    assert "'3000000'" in str(found)
    assert "e+06" not in str(found)


def test_a_list_is_written_with_commas(helm: Helm) -> None:
    changes = {"settings.ROUTER_TRUSTED_PROXIES": ["10.0.0.0/8", "192.0.2.7"]}
    for each in of_kind(helm.objects(with_values(changes)), "Deployment"):
        assert {"name": "ROUTER_TRUSTED_PROXIES", "value": "10.0.0.0/8,192.0.2.7"} in containers(
            each
        )[0]["env"]


def test_each_pod_is_placed_as_the_values_say(helm: Helm) -> None:
    values = example("all-on")

    for each in workloads(helm.objects(values)):
        pod = pod_spec(each)
        for key in ("nodeSelector", "affinity", "tolerations", "priorityClassName"):
            assert pod[key] == values["pod"][key]
        assert pod["imagePullSecrets"] == [{"name": "registry"}]
        assert labels(each)["example.com/cost-centre"] == "voice"
        assert values["pod"]["extraVolumes"][0] in pod["volumes"]
        (container,) = containers(each)
        assert values["pod"]["extraVolumeMounts"][0] in container["volumeMounts"]
        assert values["pod"]["extraEnv"][0] in container["env"]
        assert values["pod"]["extraEnvFrom"][0] in container["envFrom"]


def test_a_role_has_its_own_settings(helm: Helm) -> None:
    found = helm.objects(
        with_values(
            {
                "settings": {"ROUTER_LOG_LEVEL": "warning", "ROUTER_HISTORY": "1d"},
                "worker.settings": {"ROUTER_LOG_LEVEL": "debug"},
            }
        )
    )

    def settings(role: str) -> dict[str, str]:
        (container,) = containers(named(found, "Deployment", f"router-event-router-{role}"))
        return {each["name"]: each["value"] for each in container["env"]}

    assert settings("worker")["ROUTER_LOG_LEVEL"] == "debug"
    assert settings("ingress")["ROUTER_LOG_LEVEL"] == "warning"
    assert settings("worker")["ROUTER_HISTORY"] == settings("ingress")["ROUTER_HISTORY"] == "1d"


def texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for name, child in node.items():
            yield str(name)
            yield from texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from texts(child)
    else:
        yield str(node)


def test_a_secret_is_in_its_secret_only(helm: Helm) -> None:
    values = example("all-on")
    found = helm.objects(values)
    secrets = values["secrets"]["values"]

    assert made_secrets(found) == {"router-event-router": secrets}
    elsewhere = [each for each in found if each["kind"] != "Secret"]
    notes = helm.render(values)["NOTES.txt"]
    for value in secrets.values():
        encoded = base64.b64encode(value.encode()).decode()
        for text in (notes, *texts(elsewhere)):
            assert value not in text
            assert encoded not in text


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


def test_rules_arrive_as_they_are_written(helm: Helm) -> None:
    text = "a: \"{{ data.x }}\"\n  \tb: 'é\\n' \N{SNOWMAN}\n\n# ${NAME} %d\n"
    changes = {"rules.existingConfigMap": "", "rules.files": {"rules.yaml": text}}

    (found,) = of_kind(helm.objects(with_values(changes)), "ConfigMap")

    assert found["data"] == {"rules.yaml": text}


@pytest.mark.parametrize("name", ["minimal", "all-on"])
def test_the_rules_of_an_example_are_in_order(name: str, tmp_path: Any) -> None:
    for file, text in example(name)["rules"]["files"].items():
        (tmp_path / file).write_text(text, "utf-8")

    variables = {
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/x",
        "TICKETS_TOKEN": "t",
    }
    assert load(tmp_path, variables).rules.rules


def test_the_alerts_are_those_of_the_repository(helm: Helm) -> None:
    (rule,) = of_kind(helm.objects(example("all-on")), "PrometheusRule")

    text = (CHART.parent / "alerts.yml").read_text("utf-8")
    assert rule["spec"] == yaml.safe_load(text)


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


def test_some_workers_evaluate_beside_those_of_destinations(helm: Helm) -> None:
    found = of_kind(helm.objects(example("per-destination-workers")), "Deployment")
    arguments = {each["metadata"]["name"]: containers(each)[0]["args"] for each in found}

    assert arguments == {
        "router-event-router-ingress": ["ingress"],
        "router-event-router-worker": ["worker"],
        "router-event-router-worker-slack-noc": ["worker", "--destination", "slack-noc"],
        "router-event-router-worker-data-lake": ["worker", "--destination", "data-lake"],
    }


def ports_of(rule: dict[str, Any]) -> set[object]:
    return {port["port"] for port in rule["ports"]}


def test_a_network_policy_closes_everything_else(helm: Helm) -> None:
    found = helm.objects(with_values({"networkPolicy.enabled": True}))
    ingress, worker = (
        named(found, "NetworkPolicy", f"router-event-router-{role}")["spec"]
        for role in ("ingress", "worker")
    )

    assert ingress["policyTypes"] == worker["policyTypes"] == ["Ingress", "Egress"]
    assert [ports_of(rule) for rule in ingress["ingress"]] == [{"http"}, {"operations"}]
    assert [ports_of(rule) for rule in worker["ingress"]] == [{"operations"}]
    assert all(rule["from"] for rule in (*ingress["ingress"], *worker["ingress"]))
    assert [ports_of(rule) for rule in ingress["egress"]] == [{53}, {6379}]
    assert [ports_of(rule) for rule in worker["egress"]] == [{53}, {6379}, {443}]
    blocked = {network for to in worker["egress"][2]["to"] for network in to["ipBlock"]["except"]}
    assert "169.254.0.0/16" in blocked


def test_the_doctor_connects_as_a_worker_does_and_is_connected_to_by_none(helm: Helm) -> None:
    found = helm.objects(with_values({"networkPolicy.enabled": True}))
    doctor, worker = (
        named(found, "NetworkPolicy", f"router-event-router-{role}")["spec"]
        for role in ("doctor", "worker")
    )

    assert doctor["ingress"] == []
    assert doctor["egress"] == worker["egress"]


def test_helm_test_runs_the_doctor(helm: Helm) -> None:
    (pod,) = of_kind(helm.objects(REQUIRED), "Pod")

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    (container,) = containers(pod)
    assert container["args"][0] == "doctor"
    assert "url" not in container["args"]  # not each cluster reaches its own public address
    assert not {"ports", "livenessProbe", "readinessProbe"} & container.keys()


def test_only_kinesis_has_the_account_of_aws(helm: Helm) -> None:
    found = helm.objects(example("all-on"))
    accounts = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["serviceAccountName"]
        for each in of_kind(found, "Deployment")
    }

    (account,) = (
        each for each in of_kind(found, "ServiceAccount") if "annotations" in each["metadata"]
    )
    users = {name for name, used in accounts.items() if used == account["metadata"]["name"]}
    assert users == {"router-event-router-kinesis"}


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


def test_the_image_is_that_of_the_chart(helm: Helm) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    def images(values: dict[str, Any]) -> set[str]:
        deployments = of_kind(helm.objects(values), "Deployment")
        return {containers(each)[0]["image"] for each in deployments}

    assert images(dict(REQUIRED)) == {f"event-router:{chart['appVersion']}"}
    digest = "sha256:" + "a" * 64
    assert images(with_values({"image.digest": digest})) == {f"event-router@{digest}"}

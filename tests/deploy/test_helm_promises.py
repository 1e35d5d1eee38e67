"""What an operator may rely on, of every object that the chart renders."""

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from support.helm import (
    CHART,
    REQUIRED,
    Helm,
    Object,
    example,
    named,
    of_kind,
    with_values,
)
from support.pod import containers, labels, made_secrets, pod_spec, workloads

from router.configuration.load import load
from router.settings.environment import FROM_FILE
from router.settings.model import SETTINGS

KNOWN = {name for each in SETTINGS for name in (each.name, each.name + FROM_FILE)}


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
        assert each["kind"] == "Pod" or (
            each["spec"]["template"]["metadata"]["annotations"]["example.com/team"] == "voice"
        )
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


NOTE: Final = {"example.com/note": "a"}


@pytest.mark.parametrize(
    ("value", "kind", "name"),
    [
        ("ingress.service.annotations", "Service", "router-event-router-ingress"),
        ("operations.service.annotations", "Service", "router-event-router-operations"),
        ("expose.annotations", "Ingress", "router-event-router"),
        ("expose.console.annotations", "Ingress", "router-event-router-console"),
        ("serviceAccount.annotations", "ServiceAccount", "router-event-router"),
        ("kinesis.serviceAccount.annotations", "ServiceAccount", "router-event-router-kinesis"),
    ],
)
def test_annotations_are_those_of_the_values(helm: Helm, value: str, kind: str, name: str) -> None:
    found = named(helm.objects(with_values({value: NOTE}, example("all-on"))), kind, name)

    assert found["metadata"]["annotations"] == NOTE


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


def test_the_image_is_that_of_the_chart(helm: Helm) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    def images(values: dict[str, Any]) -> set[str]:
        deployments = of_kind(helm.objects(values), "Deployment")
        return {containers(each)[0]["image"] for each in deployments}

    assert images(dict(REQUIRED)) == {f"event-router:{chart['appVersion']}"}
    digest = "sha256:" + "a" * 64
    assert images(with_values({"image.digest": digest})) == {f"event-router@{digest}"}

"""Nothing is reachable, from outside or inside of the cluster, but what the values open."""

from typing import Any

import pytest
from support.helm import (
    REQUIRED,
    Helm,
    Object,
    example,
    named,
    of_kind,
    with_values,
)
from support.pod import containers


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


def test_each_backend_is_a_port_of_a_service(objects: list[Object]) -> None:
    services = {
        each["metadata"]["name"]: each["spec"]["ports"] for each in of_kind(objects, "Service")
    }
    for host in exposed(objects).values():
        assert {service for _, _, service in host} <= services.keys()
    for each in of_kind(objects, "HTTPRoute"):
        for backend in each["spec"]["rules"][0]["backendRefs"]:
            assert backend["port"] in {port["port"] for port in services[backend["name"]]}


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


def test_further_rules_of_the_network_are_those_of_all_pods(helm: Helm) -> None:
    values = example("all-on")

    for each in of_kind(helm.objects(values), "NetworkPolicy"):
        assert each["spec"]["egress"][-1] == values["networkPolicy"]["extraEgress"][0]

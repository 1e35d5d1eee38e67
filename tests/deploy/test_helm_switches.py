"""Any combination of the chart's switches and numbers renders valid objects, or says why not."""

import re
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.helm import CHART, Helm, HelmError, example, of_kind, with_values
from support.helm_readme import leaves, schema
from support.kubernetes_schemas import all_versions, problems
from support.pod import containers

FULL: Final = with_values({"expose.parentRefs": [{"name": "public"}]}, example("all-on"))
SENTENCES: Final = re.findall(
    r'fail "((?:[^"\\]|\\.)*)"', (CHART / "templates" / "_checks.tpl").read_text("utf-8")
)
NEWEST: Final = all_versions()[-1] if all_versions() else ""


ALONE: Final[dict[str, dict[str, Any]]] = {
    "ingress.enabled": {"expose.enabled": False, "expose.console.enabled": False},
    "worker.enabled": {"worker.destinations": []},
    "ingress.service.externalTrafficPolicy": {"ingress.service.type": "LoadBalancer"},
}
"""What a switch needs, so that both of its values are right."""


def of_leaf(form: dict[str, Any]) -> st.SearchStrategy[Any] | None:
    if form.get("type") == "boolean":
        return st.booleans()
    if form.get("type") == "integer":
        # Mostly small ones, so that some combinations are plausible.
        low, high = form["minimum"], form["maximum"]
        return st.integers(low, min(high, low + 5)) | st.integers(low, high)
    return st.sampled_from(form["enum"]) if "enum" in form else None


SWITCHES: Final = {
    path: strategy for path, form in leaves(schema()) if (strategy := of_leaf(form)) is not None
}


@pytest.mark.deploy
@given(changes=st.fixed_dictionaries({}, optional=SWITCHES))
def test_any_combination_is_valid_or_explained(helm: Helm, changes: dict[str, Any]) -> None:
    try:
        objects = helm.objects(with_values(changes, FULL))
    except HelmError as error:
        assert any(sentence in str(error) for sentence in SENTENCES)  # noqa: PT017 - one of many
        return

    assert [each for object_ in objects for each in problems(object_, NEWEST)] == []
    keys = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(keys)) == len(keys)
    for each in of_kind(objects, "Deployment"):
        assert containers(each)[0]["securityContext"]["readOnlyRootFilesystem"] is True


def test_there_are_switches_and_sentences() -> None:
    assert len(SWITCHES) >= 40
    assert len(SENTENCES) >= 18


@pytest.mark.deploy
@pytest.mark.parametrize("path", sorted(SWITCHES))
def test_each_switch_changes_something(helm: Helm, path: str) -> None:
    """A value without an effect is a promise that nothing keeps."""
    autoscalers = ("ingress.autoscaling", "worker.keda")
    own = {f"{each}.enabled": path.startswith(each) for each in autoscalers}
    base = with_values({"expose.kind": "Ingress", **own, **ALONE.get(path, {})}, FULL)

    seen = {
        str(helm.objects(with_values({path: each}, base)))
        for each in two_of(path, dict(leaves(schema()))[path])
    }

    assert len(seen) == 2


def two_of(path: str, form: dict[str, Any]) -> list[Any]:
    if form.get("type") == "boolean":
        return [True, False]
    if "enum" in form:
        return list(form["enum"][:2])
    if path.endswith("maxReplicas"):
        return [form["maximum"] - 1, form["maximum"]]
    return [form["minimum"], form["minimum"] + 1]

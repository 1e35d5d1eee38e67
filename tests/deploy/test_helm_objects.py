"""What the chart renders is valid in each version of Kubernetes that it supports."""

import re
import tarfile
from pathlib import Path

import pytest
import yaml
from support.helm import ALL_VALUES, CHART, EACH, Helm, example, of_kind
from support.helm_path import WITHOUT_HELM
from support.kubernetes_schemas import all_versions, problems

ALL = [each for each in all_versions() if int(each.partition(".")[2]) >= 27]
"""Those of ``kubeVersion`` in Chart.yaml."""
SOME = [*ALL[:1], *ALL[-1:]] or ["1.37"]


@pytest.mark.parametrize("version", SOME)
@pytest.mark.parametrize("name", EACH)
def test_each_object_is_valid(helm: Helm, name: str, version: str) -> None:
    found = helm.objects(ALL_VALUES[name])

    assert [each for object_ in found for each in problems(object_, version)] == []
    assert len({(each["kind"], each["metadata"]["name"]) for each in found}) == len(found) >= 8


@pytest.mark.deploy
@pytest.mark.parametrize("version", ALL[1:-1])
@pytest.mark.parametrize("name", ALL_VALUES)
def test_each_object_is_valid_in_the_other_versions(helm: Helm, name: str, version: str) -> None:
    found = helm.objects(ALL_VALUES[name])

    assert [each for object_ in found for each in problems(object_, version)] == []


def test_the_versions_are_those_of_the_chart(helm: Helm) -> None:  # noqa: ARG001 - it has them
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    assert re.fullmatch(r">=(1\.\d+)\.0-0", chart["kubeVersion"])[1] == ALL[0]  # type: ignore[index]


@pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "Ingress", "ScaledObject"])
def test_the_schemas_reject_an_unknown_field(helm: Helm, kind: str) -> None:
    """The check of the check."""
    object_ = of_kind(helm.objects(example("all-on")), kind)[0]
    object_["spec"]["replica"] = 1

    (problem,) = problems(object_, SOME[-1])
    assert "'replica' was unexpected" in problem


@pytest.mark.parametrize("version", SOME)
def test_the_redis_for_trying_is_valid(helm: Helm, version: str) -> None:  # noqa: ARG001 - it brings the schemas
    text = (CHART / "examples" / "redis-for-trying.yaml").read_text("utf-8")

    for each in yaml.safe_load_all(text):
        assert problems(each, version) == []


@pytest.mark.parametrize("name", ["nothing", *EACH])
def test_helm_lint_is_content(helm: Helm, name: str) -> None:
    assert helm.lint(ALL_VALUES.get(name, {})) == []


def test_a_package_has_the_files_behind_the_links(helm: Helm, tmp_path: Path) -> None:
    """``helm package`` follows links: https://github.com/helm/helm/pull/10917."""
    with tarfile.open(helm.package(tmp_path)) as archive:
        sizes = {each.name: each.size for each in archive.getmembers() if each.isfile()}

    assert sizes["event-router/files/alerts.yml"] == (CHART / "files/alerts.yml").stat().st_size
    assert sizes["event-router/files/values.yaml"] == sizes["event-router/values.yaml"]
    assert sum(name.startswith("event-router/files/dashboards/") for name in sizes) == 3
    assert "event-router/LICENSE" in sizes
    assert not [name for name in sizes if "examples" in name]


def test_each_kind_of_object_is_rendered_somewhere(helm: Helm) -> None:
    """A template that no example turns on is not tested."""
    kinds = {each["kind"] for values in ALL_VALUES.values() for each in helm.objects(values)}
    templates = "".join(path.read_text("utf-8") for path in (CHART / "templates").glob("*"))

    assert kinds == set(re.findall(r"^kind: (\w+)$", templates, re.MULTILINE))


def test_without_helm_the_tests_say_how_to_get_it() -> None:
    assert "make helm" in WITHOUT_HELM

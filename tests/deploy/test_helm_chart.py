"""The files of the chart agree with the package, and with each other; no Helm is needed."""

import re
import tomllib

import pytest
import yaml
from support.helm import CHART, EXAMPLES
from support.helm_readme import README, default_of, leaves, schema, table, table_in, with_table
from support.helm_settings import BY_THE_CHART, secret_names, settings_schema, variable_names

import router
from router.settings.model import SETTINGS

ROOT = CHART.parents[1]


def test_the_chart_has_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))

    assert chart["version"] == chart["appVersion"] == router.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert chart["name"] == project["name"]
    assert chart["description"] == project["description"]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("files/alerts.yml", "deploy/alerts.yml"),
        ("files/dashboards", "deploy/grafana/dashboards"),
        ("files/values.yaml", "deploy/helm/values.yaml"),
        ("LICENSE", "LICENSE"),
    ],
)
def test_the_chart_links_to_what_is_used_elsewhere_too(link: str, target: str) -> None:
    assert (CHART / link).is_symlink()
    assert (CHART / link).resolve() == ROOT / target


def test_the_schema_knows_each_setting() -> None:
    """``make helm-files`` writes it after a change of the settings."""
    shown = schema()["definitions"]

    assert shown["settings"] == settings_schema()
    assert shown["secretName"] == secret_names()
    assert shown["variable"]["properties"]["name"] == variable_names()
    named = {*shown["settings"]["properties"], *shown["secretName"]["anyOf"][0]["enum"]}
    assert {each.name for each in SETTINGS} - named <= set(BY_THE_CHART)


@pytest.mark.parametrize("setting", sorted(BY_THE_CHART))
def test_a_setting_of_the_chart_names_the_value_that_replaces_it(setting: str) -> None:
    assert setting in {each.name for each in SETTINGS}
    assert default_of(BY_THE_CHART[setting]) is not None


def test_each_value_has_a_default_and_a_description() -> None:
    described = {path: each.get("description", "") for path, each in leaves(schema())}
    described.pop("global")

    assert [path for path, text in described.items() if not text.endswith(".")] == []
    for path in described:
        default_of(path)


def test_the_schema_describes_each_default() -> None:
    paths = {path for path, _ in leaves(schema())}

    def below(node: object, path: str) -> list[str]:
        if path in paths or not isinstance(node, dict):
            return [path]
        return [leaf for name, child in node.items() for leaf in below(child, f"{path}.{name}")]

    found = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    written = {leaf for name, child in found.items() for leaf in below(child, name)}
    assert written == paths - {"global"}


def test_each_object_of_the_schema_is_closed() -> None:
    """A typing error in a value is found, and not ignored. ``free`` has what Kubernetes describes."""

    def open_objects(node: object, path: str) -> list[str]:
        if isinstance(node, list):
            return [each for child in node for each in open_objects(child, path)]
        if not isinstance(node, dict):
            return []
        below = [
            each for name, child in node.items() for each in open_objects(child, f"{path}/{name}")
        ]
        is_open = node.get("type") == "object" and "additionalProperties" not in node
        return [path, *below] if is_open else below

    free = open_objects(schema(), "")

    assert [path for path in free if "/pod/" not in path] == [
        "/properties/global",
        "/properties/rules/properties/volume",
        "/properties/expose/properties/parentRefs/items",
        "/properties/networkPolicy/properties/extraEgress/items",
        "/definitions/peer/properties/podSelector",
        "/definitions/peer/properties/namespaceSelector",
        "/definitions/peer/properties/ipBlock",
        "/definitions/variable/properties/valueFrom",
    ]


def test_the_readme_has_the_table_of_values() -> None:
    """``make helm-files`` writes it."""
    text = README.read_text("utf-8")

    assert table_in(text) == table()
    assert with_table(text) == text


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_readme_names_each_example(name: str) -> None:
    assert f"examples/{name}.yaml" in README.read_text("utf-8")


def test_each_value_is_read_by_a_template() -> None:
    """Mutant: a value that is described and has no effect."""
    texts = "".join(path.read_text("utf-8") for path in (CHART / "templates").iterdir())
    read = set(re.findall(r"\.(\w+)", texts))

    unread = [path for path, _ in leaves(schema()) if path.rpartition(".")[2] not in read]
    assert unread == ["global"]


def test_templates_have_no_release_of_their_own() -> None:
    """Mutant: a version that is written into a template, which the next release forgets."""
    texts = "".join(path.read_text("utf-8") for path in (CHART / "templates").iterdir())

    assert re.findall(r"(?<![\d.])\d+\.\d+\.\d+(?![\d.])", texts) == []

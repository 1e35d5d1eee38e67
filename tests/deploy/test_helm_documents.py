"""The blocks of the pages about the chart are right: values render, and names and options exist."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml
from support.helm import CHART, REQUIRED, Helm
from support.helm_readme import README
from support.kubernetes_schemas import all_versions, problems

from router.configuration.load import load
from router.configuration.variables import MissingVariable

ROOT: Final = CHART.parents[1]
PAGE: Final = ROOT / "docs" / "operate" / "kubernetes.md"
NEWEST: Final = all_versions()[-1] if all_versions() else ""


def blocks(page: Path, language: str) -> list[str]:
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[list[str]]:
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.split(" && "):
                yield shlex.split(command, comments=True)


VALUES: Final = [
    block for block in blocks(PAGE, "yaml") if not yaml.safe_load(block).get("apiVersion")
]


@pytest.mark.parametrize("block", VALUES)
def test_each_block_of_values_renders(helm: Helm, block: str) -> None:
    # What a block has is all of its section.
    objects = helm.objects({**REQUIRED, **yaml.safe_load(block)})

    assert [each for object_ in objects for each in problems(object_, NEWEST)] == []


def test_the_page_has_values() -> None:
    assert len(VALUES) >= 5


@pytest.mark.parametrize("page", [PAGE, README], ids=["page", "readme"])
def test_each_command_names_what_exists(helm: Helm, page: Path) -> None:
    """A Deployment of a release ``router``, a file or folder of the checkout, a value of the chart."""
    known = {
        f"{each['kind'].lower()}/{each['metadata']['name']}" for each in helm.objects(REQUIRED)
    }
    for words in commands(page):
        named = {word for word in words if re.match(r"(deployment|service)/", word)}
        assert named <= known
        paths = {word for word in words if word.startswith("deploy/")}
        assert all((ROOT / path).exists() for path in paths)


def test_the_install_commands_are_those_of_helm() -> None:
    """``helm install NAME CHART``: https://helm.sh/docs/helm/helm_install/."""
    installs = [
        words for words in commands(PAGE) if words[:2] in (["helm", "install"], ["helm", "upgrade"])
    ]

    assert len(installs) == 3
    for words in installs:
        assert words[2:] == ["router", "deploy/helm", "--namespace", "alerts", "-f", "values.yaml"]


@pytest.mark.deploy
def test_the_rules_folder_becomes_a_config_map(tmp_path: Path) -> None:
    """The documented command, with a client alone, makes a folder that the router reads."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl was not found")
    (command,) = (words for words in commands(PAGE) if words[3:5] == ["create", "configmap"])
    made = subprocess.run(  # noqa: S603 - as documented
        command[: command.index("|")], cwd=ROOT, capture_output=True, check=True, timeout=60
    )

    (folder := tmp_path / "rules").mkdir()
    for name, text in yaml.safe_load(made.stdout)["data"].items():
        (folder / name).write_text(text, "utf-8")
    mounted, original = (
        load(each, {}, missing=MissingVariable.KEEP) for each in (folder, ROOT / "rules")
    )
    assert mounted.generation == original.generation

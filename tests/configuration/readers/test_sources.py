"""The section ``sources``: what is read, and what is reported where."""

from pathlib import Path

import pytest

from router.configuration.load import FolderPart, load
from router.configuration.readers.sources import preset_names, preset_parts
from router.configuration.variables import MissingVariable
from router.datatypes import Rate
from router.errors import Level, RulesError
from router.sources.spec import SourceSpec
from router.sources.verifiers.generic_hmac import HmacConfig
from router.sources.verifiers.github import GithubConfig

ENVIRON = {"SECRET": "secret-of-the-sender", "OTHER": "another-secret"}


def read(folder: Path, yaml: str, **options: object) -> list[SourceSpec]:
    (folder / "rules.yaml").write_text(yaml)
    return list(load(folder, ENVIRON, **options).sources)


def findings(folder: Path, source: str) -> list[str]:
    """Return the diagnostics of a source as ``line:column message | hint``."""
    (folder / "rules.yaml").write_text(f"sources:\n  crm: {source}\n")
    try:
        found = list(load(folder, ENVIRON).warnings)
    except RulesError as error:
        found = error.diagnostics
    marks = {Level.ERROR: "", Level.WARNING: "warning: "}
    return [
        f"{each.line}:{each.column} {marks[each.level]}{each.message} | {each.hint}"
        for each in found
    ]


def test_a_source_is_its_keys_over_those_of_its_preset(tmp_path):
    (source,) = read(
        tmp_path,
        'sources: {code: {preset: github, verify: {secret: "${SECRET}"}, event: {subject: \'"all"\'}, rate: 5/s}}',
    )

    assert (source.name, source.path, source.preset) == ("code", "/in/code", "github")
    assert isinstance(source.verify["github"], GithubConfig)
    assert source.event.subject.source == '"all"'
    assert "x-github-event" in source.event.type.source
    assert source.rate == Rate(limit=5, per=1.0)


@pytest.mark.parametrize(
    ("verify", "names"),
    [
        ('{secret: "${SECRET}"}', ["github"]),
        ('{secret: ["${SECRET}", "${OTHER}"]}', ["github"]),
        ('{github: {secret: "${SECRET}"}}', ["github"]),
        ('{secret: "${SECRET}", networks: {allow: [192.0.2.0/24]}}', ["github", "networks"]),
        ('{bearer: {token: "${SECRET}"}}', ["bearer"]),
        ("none", []),
    ],
)
def test_the_verifiers_of_a_source_are_those_of_its_preset_or_its_own(verify, names, tmp_path):
    (source,) = read(tmp_path, f"sources: {{code: {{preset: github, verify: {verify}}}}}")

    assert list(source.verify) == names


@pytest.mark.parametrize("key", ["token", "secret"])
def test_an_option_of_the_preset_s_verifier_may_stand_without_its_name(key, tmp_path):
    yaml = f'sources: {{a: {{preset: alertmanager, verify: {{{key}: "${{SECRET}}"}}}}}}'
    (source,) = read(tmp_path, yaml)

    assert [each.reveal() for each in source.verify["bearer"].all_secrets()] == [ENVIRON["SECRET"]]


def test_several_secrets_are_read(tmp_path):
    yaml = 'sources: {a: {verify: {hmac: {secret: ["${SECRET}", "${OTHER}"], header: X-Sig}}}}'
    (source,) = read(tmp_path, yaml)

    assert isinstance(source.verify["hmac"], HmacConfig)
    assert [each.reveal() for each in source.verify["hmac"].all_secrets()] == list(ENVIRON.values())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "{verify: none}",
            ['2:17 warning: source "crm" takes requests of anyone | name the verifiers, or restrict who reaches it: verify: {networks: …}'],
        ),
        ("{}", ['2:3 source "crm" needs "verify" | write the verifiers with their options; verify: none takes requests of anyone']),
        ("{verify: {}}", ["2:17 verify: expected verifiers, found nothing | write the verifiers with their options, or verify: none"]),
        ("{verify: }", ["2:17 verify: expected verifiers, found nothing | write the verifiers with their options, or verify: none"]),
        ("{verify: {githb: {secret: x}}}", ['2:18 there is no verifier "githb" | did you mean "github"?']),
        ("{verify: {secret: abcdefghijk}}", ["2:18 secret: there is no preset that says what it is the secret of | write for example hmac: {secret: …}"]),
        ("{preset: githb}", ['2:17 there is no preset "githb" | did you mean "github"?']),
        ("{preset: github}", ['2:3 source "crm" needs "verify": github has no secret | write verify: {secret: "${CRM_SECRET}"}']),
        ('{preset: github, verify: {secret: "${UNSET}"}}', ["2:43 ${UNSET} is not set | "]),
        ('{preset: github, verify: {github: {secrt: x, secret: "${SECRET}"}}}', ['2:43 unknown key "secrt" in github | did you mean "secret"?']),
        ('{verify: {bearer: {token: "${SECRET}"}}, path: /crm}', ["2:55 path: expected /in/ and a name of letters, digits and ._~- | write for example /in/crm"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, path: /in/../crm}', ["2:55 path: expected /in/ and a name of letters, digits and ._~- | write for example /in/crm"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, path: /in/a/.}', ["2:55 path: expected /in/ and a name of letters, digits and ._~- | write for example /in/crm"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {extensions: {id: body}}}', ["2:70 id is no extension | every event has it: write it beside extensions"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {extensions: {specversion: body}}}', ["2:70 specversion is no extension | every event has it: remove it"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {extensions: {data: body}}}', ["2:70 data is no extension | every event has it: write it beside extensions"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {extensions: {a-b: body}}}', ["2:70 'a-b' is no name of an attribute | use lower-case letters and digits only"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, splt: body}', None),
        ('{verify: {bearer: {token: "${SECRET}"}}, body: {items: [{id: text}]}, split: body.itms}', ['2:90 body has no field "itms" | did you mean "items"? (body["itms"] is not checked)']),
        (
            '{verify: {bearer: {token: "${SECRET}"}}, body: {items: [{id: text}]}, split: body.items, event: {id: item.idd}}',
            ['2:114 item has no field "idd" | did you mean "id"? (item["idd"] is not checked)'],
        ),
        ('{verify: {bearer: {token: "${SECRET}"}}, body: {id: text}, split: body.id}', ["2:74 split: this is text, not a list | "]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {id: event.id}}', ["2:61 there is no event in a source | write body, form, headers, query, received_at, item"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {id: body.}}', None),
        ('{verify: {bearer: {token: "${SECRET}"}}, skip: \'"text"\'}', None),
        ('{verify: {bearer: {token: "${SECRET}"}}, body: {a: txt}}', ['2:59 there is no kind "txt" | did you mean "text"?']),
        (
            "{verify: {bearer: {token: '${SECRET}'}}, event: {id: 'headers[\"X-Id\"]'}}",
            ['2:70 there is no header "X-Id": the names in headers are in lower case | write "x-id"'],
        ),
        ('{verify: {bearer: {token: "${SECRET}"}}, event: {id: headers.x-event-id}}', ['2:77 there is no \'id\' | write headers["x-event-id"] for a name with a hyphen, or spaces around a minus']),
        ('{verify: {bearer: {token: "${SECRET}"}}, skip: has(headers.Cookie)}', ["2:55 cookie is not in headers, because it has credentials | read another header"]),
        ('{verify: {bearer: {token: "${SECRET}"}}, skip: has(headers.Host)}', ['2:55 there is no header "Host": the names in headers are in lower case | write "host"']),
        ('{verify: {bearer: {token: "${SECRET}"}}, events_per_request: 0}', ["2:69 events_per_request must be from 1 to 10000 | "]),
        ('{verify: {bearer: {token: "${SECRET}"}}, replies: [{when: "true", visit: body.u}]}', ["2:81 visit needs hosts, for example hosts: [sns.*.amazonaws.com] | "]),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_a_wrong_source_is_reported_at_its_place(source, expected, tmp_path):
    found = findings(tmp_path, source)

    assert len(found) == 1, found
    assert expected is None or found == expected


@pytest.mark.parametrize("name", ["twilio", "events", "kinesis"])
def test_the_names_of_the_own_sources_are_reserved(name, tmp_path):
    with pytest.raises(RulesError, match=f'every router has a source "{name}"'):
        read(tmp_path, f"sources: {{{name}: {{verify: none}}}}")


def test_a_wrong_name_without_a_path_is_one_error(tmp_path):
    with pytest.raises(RulesError) as caught:
        read(tmp_path, 'sources: {A B: {verify: {bearer: {token: "${SECRET}"}}}}')

    assert [each.message.partition(":")[0] for each in caught.value.diagnostics] == [
        '"A B" is no name'
    ]


def test_a_reply_may_have_any_status_of_success(tmp_path):
    (source,) = read(
        tmp_path, 'sources: {a: {verify: none, replies: [{when: "true", status: 222}]}}'
    )

    assert source.replies[0].status == 222


def test_two_sources_of_one_path_are_an_error(tmp_path):
    with pytest.raises(RulesError, match='the path /in/a is that of the source "a"'):
        read(tmp_path, "sources: {a: {verify: none}, b: {verify: none, path: /in/a}}")


def test_no_secret_is_in_a_finding(tmp_path):
    (tmp_path / "rules.yaml").write_text(
        "sources: {a: {verify: {hmac: {secret: hunter2hunter2, header_: hunter3}}}}"
    )
    with pytest.raises(RulesError) as caught:
        load(tmp_path, ENVIRON)

    assert "hunter" not in str(caught.value)
    assert "hunter" not in repr(caught.value.diagnostics)


def test_a_source_without_its_variables_is_read_closed_where_they_are_not_needed(tmp_path):
    yaml = 'sources: {a: {preset: github, verify: {secret: "${UNSET}"}}}'

    (source,) = read(tmp_path, yaml, missing=MissingVariable.KEEP)
    assert source.missing_variables == ("UNSET",)
    (source,) = read(tmp_path, yaml, part=FolderPart.RULES)
    assert source.missing_variables == ("UNSET",)


def test_ingress_needs_no_variable_of_a_destination(tmp_path):
    yaml = """
      destinations: {chat: {slack: {webhook_url: "${UNSET}"}}}
      sources: {a: {verify: {bearer: {token: "${SECRET}"}}}}
    """

    assert len(read(tmp_path, yaml, part=FolderPart.SOURCES)) == 1


@pytest.mark.parametrize("name", preset_names())
def test_each_preset_is_valid(name):
    parts = preset_parts(name)

    assert parts.text.about.endswith(".")
    assert parts.text.docs.startswith(("https://", "docs/"))

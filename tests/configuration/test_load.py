"""Loading the rules folder: the configuration, the diagnostics, and no other exception."""

import os
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError
from support.golden import golden
from support.rules_schema import rules_validator

from router.configuration.diagnostics import render_diagnostics
from router.configuration.files import FILE_LIMIT, FILES_LIMIT
from router.configuration.json_schema import json_schema
from router.configuration.load import FILE_KEYS, SECTIONS, load
from router.configuration.model import Configuration
from router.configuration.variables import MissingVariable
from router.datatypes import Duration, Secret
from router.destinations.capture import CaptureConfig
from router.destinations.http_config import HttpConfig
from router.destinations.kinds import KINDS
from router.destinations.slack import SlackConfig
from router.errors import Diagnostic, RulesError

CHECK = Path(__file__).parents[1] / "data" / "check"
SHIPPED = Path(__file__).parents[2] / "rules"
CANARY = "c4nary-5ecret/value"
ENVIRON = {
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "SMTP_URL": "smtp://localhost",
    "TICKETS_URL": "https://tickets.example.com/hooks/voice",
    "TICKETS_SECRET": "whsec_c2VjcmV0",
    "EMPTY": "",
    "CANARY": CANARY,
}
NOC = "destinations: {noc: {capture: {}}}\n"
RULE = "rules: [{name: all, events: ['*'], send_to: [noc]}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder named ``rules``, by a relative path, so that diagnostics are the same everywhere."""
    (tmp_path / "rules").mkdir()
    monkeypatch.chdir(tmp_path)
    return Path("rules")


def write(folder: Path, **files: str) -> None:
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text, encoding="utf-8")


def diagnostics_of(folder: Path) -> list[Diagnostic]:
    """Return the errors and warnings of a folder."""
    try:
        return list(load(folder, ENVIRON).warnings)
    except RulesError as error:
        return error.diagnostics


def refusal(folder: Path, missing: MissingVariable = MissingVariable.ERROR) -> list[Diagnostic]:
    with pytest.raises(RulesError) as caught:
        load(folder, ENVIRON, missing=missing)
    return caught.value.diagnostics


def as_json(diagnostics: list[Diagnostic]) -> str:
    return msgspec.json.encode(diagnostics).decode()


def messages(folder: Path) -> list[str]:
    return [str(diagnostic) for diagnostic in refusal(folder)]


# Golden files


@pytest.mark.parametrize("case", sorted(path.stem for path in CHECK.glob("*.yaml")))
def test_a_wrong_file_is_explained(folder: Path, case: str) -> None:
    (folder / f"{case}.yaml").write_bytes((CHECK / f"{case}.yaml").read_bytes())
    seen = render_diagnostics(diagnostics_of(folder)) + "\n"
    seen = seen.replace(", ".join(sorted(KINDS)), "<all kinds>")
    assert golden(f"{case}.txt", seen, folder=CHECK) == seen


@pytest.mark.parametrize("case", sorted(path.stem for path in CHECK.glob("*.yaml")))
def test_a_diagnostic_contains_no_value_of_a_variable(folder: Path, case: str) -> None:
    (folder / f"{case}.yaml").write_bytes((CHECK / f"{case}.yaml").read_bytes())
    diagnostics = diagnostics_of(folder)
    assert "c4nary" not in render_diagnostics(diagnostics) + as_json(diagnostics)


def test_diagnostics_can_be_encoded(folder: Path) -> None:
    write(folder, a="rules: []\nrulse: []\n")
    assert msgspec.to_builtins(refusal(folder)) == [
        {
            "file": "rules/a.yaml",
            "line": 2,
            "column": 1,
            "message": 'unknown section "rulse"',
            "hint": 'did you mean "rules"?',
            "source": "rulse: []",
            "length": 5,
            "level": "error",
        }
    ]


# What a folder becomes


def test_the_shipped_folder_has_no_problems() -> None:
    configuration = load(SHIPPED, ENVIRON)
    assert configuration.warnings == ()
    assert [(spec.name, spec.kind) for spec in configuration.destinations] == [
        ("voice-oncall", "slack"),
        ("noc-mail", "email"),
        ("tickets", "http"),
    ]


@pytest.mark.parametrize(
    ("status", "call_quality", "expected"),
    [
        ("completed", 3, {"call-quality"}),
        ("completed", 2, {"call-quality-burst"}),
        ("completed", 0, set()),
        ("summary_timeout", 0, {"conference-summary-timeout"}),
        ("summary_timeout", 5, {"conference-summary-timeout"}),
    ],
)
def test_twilios_example_matches_the_expected_shipped_rules(
    sample: bytes, status: str, call_quality: int, expected: set[str]
) -> None:
    event = msgspec.json.decode(sample)
    event["data"]["status"] = status
    event["data"]["detected_issues"]["call_quality"] = call_quality
    judgement = load(SHIPPED, ENVIRON).rules.judge(event["type"], event)
    grouped = {
        "conference-start-failure",
        "duplicate-identity",
        "silent-participants",
        "region-configuration-issues",
    }
    of_the_example = set() if status == "summary_timeout" else grouped
    assert {rule.name for rule in judgement.matches} == expected | of_the_example
    assert judgement.errors == ()


def test_files_are_merged(folder: Path) -> None:
    write(folder, a=RULE, b=NOC)
    (folder / "c.yml").write_text(RULE.replace("all", "more"))
    configuration = load(folder, {})
    assert [rule.name for rule in configuration.rules.rules] == ["all", "more"]
    assert [spec.name for spec in configuration.destinations] == ["noc"]


@pytest.mark.parametrize(
    "path", ["notes.txt", ".hidden.yaml", "tests/rules.yaml", "more/rules.yaml", "rules.yaml~"]
)
def test_other_files_are_ignored(folder: Path, path: str) -> None:
    write(folder, a=NOC)
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("nonsense: [")
    assert load(folder, {}).rules.rules == ()


def test_a_byte_order_mark_is_ignored(folder: Path) -> None:
    (folder / "a.yaml").write_bytes(b"\xef\xbb\xbf" + NOC.encode())
    assert [spec.name for spec in load(folder, {}).destinations] == ["noc"]


def test_the_generation_depends_on_the_files(folder: Path) -> None:
    write(folder, a=NOC, b=RULE)
    first = load(folder, {})
    write(folder, c="rules: []\n")
    assert load(folder, {}).generation != first.generation
    (folder / "c.yaml").unlink()
    assert load(folder, {"UNRELATED": "1"}).generation == first.generation


def test_a_variable_can_be_a_part_of_a_value(folder: Path) -> None:
    write(
        folder,
        a="""
destinations:
  tickets:
    http:
      url: https://${HOST}:${PORT}/hooks
      headers: {authorization: "Bearer ${TOKEN}", x-price: "$${PRICE} $5"}
      concurrency: ${CONCURRENCY}
      timeout: "${TIMEOUT}"
""",
    )
    (spec,) = load(
        folder,
        {"HOST": "h", "PORT": "1", "TOKEN": "t", "CONCURRENCY": "7", "TIMEOUT": "3s"},
    ).destinations
    assert spec.config == HttpConfig(
        url=Secret("https://h:1/hooks"),
        headers={"authorization": Secret("Bearer t"), "x-price": Secret("${PRICE} $5")},
        concurrency=7,
        timeout=Duration(3),
    )


def test_an_escaped_variable_in_a_rule_is_text(folder: Path) -> None:
    write(folder, a=NOC + RULE.replace("send_to", 'summary: "costs $${PRICE}", send_to'))
    assert load(folder, {}).rules.rules[0].summary == "costs ${PRICE}"


def test_the_value_of_a_variable_is_never_parsed_as_yaml(folder: Path) -> None:
    write(folder, a="destinations: {noc: {capture: {file: '${FILE}'}}}\n")
    (spec,) = load(folder, {"FILE": "no: [${EMPTY}]"}).destinations
    assert spec.config == CaptureConfig(file="no: [${EMPTY}]")


# Missing variables


def test_a_destination_can_lack_its_variables(folder: Path) -> None:
    (folder / "destinations.yaml").write_bytes((SHIPPED / "destinations.yaml").read_bytes())
    configuration = load(folder, {"SMTP_URL": "smtp://h"}, missing=MissingVariable.KEEP)
    assert {spec.name: spec.missing_variables for spec in configuration.destinations} == {
        "voice-oncall": ("SLACK_WEBHOOK_URL",),
        "noc-mail": (),
        "tickets": ("TICKETS_URL", "TICKETS_SECRET"),
    }
    assert all(spec.config is not None for spec in configuration.destinations)


def test_an_empty_variable_is_missing(folder: Path) -> None:
    write(folder, a="destinations: {noc: {slack: {webhook_url: '${EMPTY}'}}}\n")
    (spec,) = load(folder, ENVIRON, missing=MissingVariable.KEEP).destinations
    assert spec.missing_variables == ("EMPTY",)


def test_a_destination_that_no_stand_in_completes_has_no_configuration(folder: Path) -> None:
    write(
        folder,
        a="destinations: {noc: {http: {url: 'https://h', headers: {'${A}': x}, method: '${B}'}}}\n",
    )
    (spec,) = load(folder, {}, missing=MissingVariable.KEEP).destinations
    assert (spec.config, spec.missing_variables) == (None, ("B",))


def test_an_error_beside_a_missing_variable_is_reported(folder: Path) -> None:
    write(folder, a="destinations: {noc: {slack: {webhook_url: '${A}', timeout: 10}}}\n")
    (diagnostic,) = refusal(folder, MissingVariable.KEEP)
    assert diagnostic.message.startswith("timeout: expected a duration")


# Errors across files, and in the files themselves


def test_a_name_in_two_files_is_reported_with_both_positions(folder: Path) -> None:
    write(folder, a=NOC + RULE, b=RULE, c=NOC)
    assert messages(folder) == [
        'rules/b.yaml:1:16: rule "all" is given twice (first at rules/a.yaml:2:16)',
        'rules/c.yaml:1:16: destination "noc" is given twice (first at rules/a.yaml:1:16)',
    ]


@pytest.mark.parametrize("other", ["destinations: [", "destinations: []", "destination: {noc: {}}"])
def test_a_broken_file_does_not_make_its_destinations_unknown(folder: Path, other: str) -> None:
    write(folder, a=RULE, b=other)
    assert not any("there is no destination" in line for line in messages(folder))


def test_a_broken_destination_is_known(folder: Path) -> None:
    write(folder, a=RULE, b="destinations: {noc: {capture: {keep: 0}}}")
    assert messages(folder) == ["rules/b.yaml:1:38: keep must be at least 1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", "missing: the folder does not exist"),
        ("file", "file: this is a file, not a folder"),
        ("rules", "rules: the folder has no file that ends in .yaml or .yml"),
    ],
)
def test_a_folder_without_rules_is_one_clear_error(folder: Path, name: str, expected: str) -> None:
    folder.with_name("file").write_text("")
    with pytest.raises(RulesError) as caught:
        load(Path(name), {})
    assert str(caught.value) == (
        f"{expected} (set ROUTER_RULES to the folder with your rules, or begin one: router init)"
    )


def test_a_pipe_a_folder_or_a_broken_link_is_an_error(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "link.yaml").symlink_to("nowhere.yaml")
    assert messages(folder) == [
        "rules/folder.yaml: this is not a file",
        "rules/link.yaml: the file cannot be read: No such file or directory",
        "rules/pipe.yaml: this is not a file",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"rules:\n  \xc3\xa4 \xff", "a.yaml:2:5: byte 0xff is not UTF-8 (save the file as UTF-8)"),
        (
            "rules: []".encode("utf-16"),
            "a.yaml:1:1: byte 0xff is not UTF-8 (save the file as UTF-8)",
        ),
        (b"", "a.yaml: the file is empty (expected rules: or destinations:)"),
        (b"rules: \x00", "a.yaml:1:8: a character that YAML does not allow: U+0000"),
        (b"#" * (FILE_LIMIT + 1), "a.yaml: the file is larger than 1 MiB"),
        (b"[" * 1000, "a.yaml:1:41: lists and maps are nested more than 40 levels deep"),
    ],
)
def test_bytes_that_are_no_rules_file_are_an_error(
    folder: Path, content: bytes, expected: str
) -> None:
    (folder / "a.yaml").write_bytes(content)
    assert messages(folder) == [f"rules/{expected}"]


def test_the_name_of_a_file_can_be_any_bytes(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.yaml")).write_text("rules: {}")
    (diagnostic,) = refusal(folder)
    assert diagnostic.file == "rules/\\udcff.yaml"


def test_the_number_of_files_is_limited(folder: Path) -> None:
    write(folder, **{f"f{number}": "rules: []\n" for number in range(FILES_LIMIT)})
    assert load(folder, {}).rules.rules == ()
    write(folder, g="rules: []\n")
    assert messages(folder) == ["rules: the folder has 201 files, at most 200"]


def test_the_number_of_diagnostics_is_limited(folder: Path) -> None:
    write(folder, a="rules:\n" + "  - x\n" * 2000, b="rules:\n" + "  - x\n" * 2000)
    assert len(refusal(folder)) == 1000


# Nothing but RulesError


def load_or_explain(folder: Path) -> Configuration | str:
    try:
        return load(folder, ENVIRON, missing=MissingVariable.KEEP)
    except RulesError as error:
        return render_diagnostics(error.diagnostics, color=True) + as_json(error.diagnostics)


PIECES = [
    *("rules", "destinations", "name", "events", "when", "match", "send_to", "summary", "mode"),
    *("noc", "http", "slack", "email", "capture", "url", "to", "from", "timeout", "headers", "all"),
    *(": ", ":\n  ", "\n", "\n  - ", "\n    ", "- ", "{", "}", "[", "]", ", ", "? ", "#", "\t"),
    *("'", '"', "|\n  ", ">-\n  ", "&a ", "*a", "!!str ", "<<: ", "---\n", "...", "%YAML 1.1\n"),
    *("${A}", "$${A}", "${", "${EMPTY}", "{{", "}}", "{% for x in y %}", "\\", "\\u0000", "\x00"),
    *(
        "no",
        "12:30:00",
        "1e999",
        "9" * 50,
        "0777",
        "true",
        "~",
        "*",
        "é🕛",
        "\u2028",
        "\ufeff",
        "\r",
    ),
    *("routes", "tables", "labels", "let", "continue", "file", "key", "rows", "otherwise", "t"),
    *("tables.t[data.a].b", "{{ data.a }}", "a.csv", "customers"),
    *("data.a == 1", "data.a >", "(", ")", "&&", "matches('(')", "has(data.a)", "==", "$"),
]

no_bytes_raise = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@no_bytes_raise
@given(content=st.binary(max_size=200))
def test_any_bytes_are_rules_or_explained(folder: Path, content: bytes) -> None:
    (folder / "a.yaml").write_bytes(content)
    assert isinstance(load_or_explain(folder), Configuration | str)


@no_bytes_raise
@given(content=st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_mixture_of_rules_is_rules_or_explained(folder: Path, content: str) -> None:
    (folder / "a.yaml").write_text(content, encoding="utf-8", newline="")
    assert isinstance(load_or_explain(folder), Configuration | str)


nodes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(PIECES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(PIECES), inner, max_size=6)
    ),
    max_leaves=20,
)
rule_like = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        (
            *("name", "events", "when", "match", "send_to", "summary", "mode", "severity", "x"),
            *("let", "labels"),
        ),
        nodes,
    ),
)
destination_like = st.dictionaries(
    st.sampled_from(["http", "slack", "email", "capture", "x"]),
    st.dictionaries(
        st.sampled_from(["url", "webhook_url", "to", "from", "smtp_url", "headers", "retry", "x"]),
        nodes,
    ),
    max_size=2,
)
route_like = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("match", "send_to", "continue", "x"), nodes)
)
table_like = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("file", "key", "numbers", "rows", "x"), nodes)
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "rules": nodes | st.lists(rule_like, max_size=3),
        "routes": nodes | st.lists(route_like, max_size=3),
        "tables": nodes | st.dictionaries(st.sampled_from(["t", "a-b"]), table_like, max_size=2),
        "destinations": nodes | st.dictionaries(st.text(max_size=8), destination_like, max_size=3),
    },
)


@no_bytes_raise
@given(document=documents)
def test_any_document_is_rules_or_explained(folder: Path, document: object) -> None:
    (folder / "a.yaml").write_bytes(msgspec.yaml.encode(document))
    assert isinstance(load_or_explain(folder), Configuration | str)


REAL = [path.read_text("utf-8") for path in sorted(SHIPPED.glob("*.yaml"))]
edits = st.lists(
    st.tuples(
        st.sampled_from(REAL),
        st.floats(0, 1),
        st.integers(0, 30),
        st.sampled_from(
            [*PIECES, "data.statuss", "!", "data.tags", " > 3", "[0]", ".?", "99u", ""]
        ),
    ),
    min_size=1,
    max_size=4,
)


@no_bytes_raise
@given(edits=edits)
def test_a_real_file_with_mistakes_is_rules_or_explained(
    folder: Path, edits: list[tuple[str, float, int, str]]
) -> None:
    text = edits[0][0]
    for _, place, length, piece in edits:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + length :]
    (folder / "a.yaml").write_text(text, encoding="utf-8", newline="")
    assert isinstance(load_or_explain(folder), Configuration | str)


# JSON Schema


def test_the_schema_names_the_keys_of_a_file() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {each.name for each in (*SECTIONS, *FILE_KEYS)}
    destination = schema["properties"]["destinations"]["additionalProperties"]
    assert set(destination["properties"]) == {
        *("slack", "email", "http", "pagerduty", "opsgenie", "teams", "apprise", "capture"),
    }
    rule = schema["$defs"]["RuleText"]
    assert rule["required"] == ["name", "events"]
    written = {"name", "description", "events", "when", "match", "severity", "send_to", "count"}
    assert written <= set(rule["properties"])
    assert set(schema["$defs"]["RouteText"]["properties"]) == {"match", "send_to", "continue"}
    assert set(schema["$defs"]["TableText"]["properties"]) == {"file", "key", "numbers", "rows"}


def test_the_schema_describes_durations_in_features_as_text() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["CooldownText"]["required"] == ["for"]
    assert definitions["CooldownText"]["properties"]["for"]["type"] == "string"


def test_the_schema_has_defaults_as_written_in_yaml() -> None:
    definitions = json_schema()["$defs"]
    assert definitions["HttpConfig"]["properties"]["timeout"]["default"] == "10s"
    assert definitions["RetryPolicy"]["properties"]["first"]["default"] == "1s"
    assert definitions["EmailConfig"]["required"] == ["to", "from", "smtp_url"]


def test_the_schema_is_json_with_valid_references() -> None:
    schema = json_schema()
    text = msgspec.json.encode(schema).decode()
    references = {part.split('"')[0] for part in text.split('"$ref":"#/$defs/')[1:]}
    assert references == set(schema["$defs"])


# The guide

GUIDE = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text("utf-8")
EXAMPLES = [block.split("```")[0] for block in GUIDE.split("```yaml\n")[1:]]
PLACES = (
    "destinations: {voice-oncall: {capture: {}}, noc-mail: {capture: {}}, tickets: {capture: {}}}"
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_guide_has_no_problems(folder: Path, example: str) -> None:
    places = "rules: []" if "destinations:" in example else PLACES
    write(folder, a=example, b=places)
    assert load(folder, ENVIRON).destinations


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_schema_accepts_an_example_of_the_guide(example: str) -> None:
    rules_validator().validate(yaml.safe_load(example))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"name": "a", "events": ["*"], "send_to": [{"from": "tables.t[data.a].b"}]}]},
        {"rules": [{"name": "a", "events": ["*"], "labels": {"team": ["voice"]}}]},
        {"routes": [{"match": {"team": "voice"}}]},
        {"routes": [{"send_to": ["noc"], "goes_on": True}]},
        {"tables": {"customers": {"file": "customers.csv", "keys": "sid"}}},
    ],
)
def test_the_schema_rejects_what_check_rejects(wrong: object) -> None:
    with pytest.raises(ValidationError):
        rules_validator().validate(wrong)


def test_the_guide_lists_each_default() -> None:
    section = GUIDE.split("\n## Defaults\n")[1].split("\n## ")[0]
    listed = section.split("They may be ")[1].split(":")[0]
    assert set(listed.replace(" and ", ", ").replace("`", "").split(", ")) == set(
        json_schema()["$defs"]["DefaultsText"]["properties"]
    )


def test_the_guide_shows_the_actual_output() -> None:
    shown = (CHECK / "rule-unknown-key.txt").read_text("utf-8")
    assert shown.replace("rule-unknown-key.yaml", "voice-insights.yaml").split("\n\n")[0] in GUIDE
    assert (CHECK / "type-enum.txt").read_text("utf-8").split("\n\n")[0] in GUIDE


# Variables from files


HOOK = "destinations: {noc: {slack: {webhook_url: '${HOOK}'}}}\n"


def test_a_variable_can_be_read_from_a_file(folder: Path) -> None:
    write(folder, a=HOOK)
    Path("hook").write_text("https://hooks.slack.com/services/x\n", "utf-8")

    (spec,) = load(folder, {"HOOK_FILE": "hook"}).destinations

    assert spec.config == SlackConfig(webhook_url=Secret("https://hooks.slack.com/services/x"))
    (spec,) = load(folder, {"HOOK_FILE": "hook", "HOOK": "https://h/own"}).destinations
    assert spec.config == SlackConfig(webhook_url=Secret("https://h/own"))


def test_a_missing_file_of_a_variable_is_reported_without_its_path(folder: Path) -> None:
    write(folder, a=HOOK)
    with pytest.raises(RulesError) as caught:
        load(folder, {"HOOK_FILE": CANARY})
    assert str(caught.value) == (
        "rules/a.yaml:1:44: ${HOOK}: HOOK_FILE names a file that cannot be read:"
        " No such file or directory"
    )
    (spec,) = load(folder, {"HOOK_FILE": CANARY}, missing=MissingVariable.KEEP).destinations
    assert spec.missing_variables == ("HOOK",)

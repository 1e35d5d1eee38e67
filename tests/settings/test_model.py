"""ROUTER_* variables: values, rejections, and their documents."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.reference import example, purposes, row

from router.datatypes import ByteSize, Duration, Networks, Secret, Texts
from router.errors import SettingsError
from router.settings.choices import AcceptFsync, Durability, Egress, LogFormat, LogLevel
from router.settings.environment import Variable
from router.settings.model import SETTINGS, Settings
from router.settings.tokens import Tokens

ROOT = Path(__file__).parents[2]
CANARY = "c4nary-5ecret"
KUBERNETES = (
    "is set by Kubernetes for a Service named router,"
    " write enableServiceLinks: false in the pod's spec"
)
HOST = "expected a name or an address without scheme or port, for example 127.0.0.1, 0.0.0.0 or ::"
EXAMPLE = "write for example https://router.example.com"

each_setting = pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)


def rejection(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environ)
    return str(caught.value)


def test_without_variables_the_defaults_apply() -> None:
    assert Settings.read({"PATH": "/bin", "router_port": "1"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("redis_url", "rediss://:pw@host:6380/1", Secret("rediss://:pw@host:6380/1")),
        ("redis_server", "valkey-server", "valkey-server"),
        ("rules", "/etc/router/rules", Path("/etc/router/rules")),
        ("host", "::", "::"),
        ("host", "router.internal", "router.internal"),
        ("port", "0", 0),
        ("worker_port", "65535", 65535),
        ("public_url", "https://example.com:8443/router", "https://example.com:8443/router"),
        ("twilio_auth_tokens", "one", (Secret("one"),)),
        ("twilio_auth_tokens", "one, two", (Secret("one"), Secret("two"))),
        ("twilio_basic_auth", "me:a:b, you:c", (Secret("me:a:b"), Secret("you:c"))),
        ("twilio_addresses", "35.90.102.128/25", Networks.parse("35.90.102.128/25")),
        ("trusted_proxies", "10.0.0.1, fd00::/8", Networks.parse("10.0.0.1,fd00::/8")),
        ("events_token", "a,b", (Secret("a"), Secret("b"))),
        ("webhook_origins", "a.example, *", Texts(("a.example", "*"))),
        ("admin_token", " x ", Tokens.of(Secret(" x "))),
        ("viewer_token", "alice=0123456789abcdef", Tokens.parse("alice=0123456789abcdef")),
        ("durability", "relaxed", Durability.RELAXED),
        ("accept_replicas", "2", 2),
        ("accept_fsync", "wait", AcceptFsync.WAIT),
        ("egress", "public", Egress.PUBLIC),
        ("log_format", "text", LogFormat.TEXT),
        ("log_level", "debug", LogLevel.DEBUG),
        ("max_body", "1MiB", ByteSize(1 << 20)),
        ("max_events_per_request", "1", 1),
        ("max_depth", "500", 500),
        ("body_timeout", "1m30s", Duration(90)),
        ("max_body_memory", "1GiB", ByteSize(1 << 30)),
        ("head_timeout", "5s", Duration(5)),
        ("max_head", "8KiB", ByteSize(8 << 10)),
        ("keepalive_timeout", "1h", Duration(3600)),
        ("max_connections", "1", 1),
        ("client_rate", "100", 100),
        ("client_burst", "1", 1),
        ("max_waiting_events", "10000000", 10_000_000),
        ("commit_interval", "0s", Duration(0)),
        ("commit_timeout", "4s", Duration(4)),
        ("dedup_window", "30d", Duration(30 * 86400)),
        ("job_lease", "1s", Duration(1)),
        ("evaluate_concurrency", "100", 100),
        ("orphan_timeout", "2d", Duration(2 * 86400)),
        ("clock_tolerance", "0s", Duration(0)),
        ("drain_timeout", "1h", Duration(3600)),
    ],
)
def test_a_variable_becomes_a_value_of_its_type(name: str, text: str, value: object) -> None:
    settings = Settings.read({f"ROUTER_{name.upper()}": text})
    assert getattr(settings, name) == value
    assert type(getattr(settings, name)) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("PORT", "80a", "is '80a', expected a whole number, 0 to 65535"),
        ("PORT", "65536", "is '65536', expected a whole number, 0 to 65535"),
        ("PORT", "-1", "is '-1', expected a whole number, 0 to 65535"),
        ("PORT", "8_080", "is '8_080', expected a whole number, 0 to 65535"),
        ("PORT", "9" * 5000, f"is '{'9' * 80}', expected a whole number, 0 to 65535"),
        (
            "PORT",
            "tcp://10.0.0.1:8080",
            KUBERNETES,
        ),
        (
            "SERVICE_HOST",
            "10.0.0.1",
            KUBERNETES,
        ),
        (
            "HOST",
            "http://0.0.0.0",
            f"is 'http://0.0.0.0', {HOST}",
        ),
        (
            "HOST",
            "0.0.0.0:80",
            f"is '0.0.0.0:80', {HOST}",
        ),
        (
            "JOB_LEASE",
            "10",
            "is '10', expected a duration such as 500ms, 10s or 1h30m, 1s to 10m, did you mean 10s?",
        ),
        (
            "COMMIT_TIMEOUT",
            "5s",
            "is '5s', expected a duration such as 500ms, 10s or 1h30m, 10ms to 4s",
        ),
        (
            "MAX_BODY",
            "1MB",
            "is '1MB', expected a size such as 65536, 64KiB or 1MiB, 1KiB to 256MiB, did you mean 1MiB?",
        ),
        (
            "DURABILITY",
            "strikt",
            "is 'strikt', expected one of strict, relaxed, did you mean strict?",
        ),
        (
            "LOG_LEVEL",
            "INFO",
            "is 'INFO', expected one of debug, info, warning, error, did you mean info?",
        ),
        (
            "TWILIO_AUTH_TOKENS",
            "one,,two",
            "has an empty value, write the values with single commas between them",
        ),
        (
            "TWILIO_BASIC_AUTH",
            "me:x,you",
            "has a value without a user or a password, write user:password",
        ),
        (
            "TRUSTED_PROXIES",
            "10.0.0.1/8",
            (
                "is '10.0.0.1/8', expected networks such as 10.0.0.0/8 or 192.0.2.7,"
                " with commas between them, did you mean 10.0.0.0/8?"
            ),
        ),
        (
            "REDIS_URL",
            "localhost:6379",
            (
                "is not a Redis URL, write redis://host:6379/0, rediss://… or unix:///…;"
                " with Sentinel redis+sentinel://host1,host2/service/0"
            ),
        ),
        (
            "PUBLIC_URL",
            "router.example.com",
            f"must begin with https:// or http:// and name a host, {EXAMPLE}",
        ),
        (
            "PUBLIC_URL",
            "https://[::1",
            f"must begin with https:// or http:// and name a host, {EXAMPLE}",
        ),
        (
            "PUBLIC_URL",
            "https://u:p@router.example.com",
            f"has a user or a password, remove them, {EXAMPLE}",
        ),
        (
            "PUBLIC_URL",
            "https://router.example.com/twilio?x=1",
            f"has a query or a fragment, remove it (each request has its own), {EXAMPLE}",
        ),
        ("CONSOLE_TOKEN", "x", "was renamed, write ROUTER_ADMIN_TOKEN"),
        ("CONSOLE_TOKEN_FILE", "x", "was renamed, write ROUTER_ADMIN_TOKEN_FILE"),
        ("EVENTS_ORIGINS", "*", "was renamed, write ROUTER_WEBHOOK_ORIGINS"),
        ("SOURCE_RATE", "5", "was renamed, write ROUTER_CLIENT_RATE"),
        ("SOURCE_BURST", "5", "was renamed, write ROUTER_CLIENT_BURST"),
        ("REMOVED_AFTER", "5m", "was renamed, write ROUTER_ORPHAN_TIMEOUT"),
        ("LEASE", "5s", "was renamed, write ROUTER_JOB_LEASE"),
        ("REDIS_URI", "redis://x", "is not a setting, did you mean ROUTER_REDIS_URL?"),
        ("EVENT_TOKEN_FILE", "x", "is not a setting, did you mean ROUTER_EVENTS_TOKEN_FILE?"),
        (
            "SLACK_WEBHOOK",
            "x",
            "is not a setting, choose a name without ROUTER_ for other purposes",
        ),
    ],
)
def test_a_rejection_names_the_variable_and_the_correction(
    name: str, text: str, problem: str
) -> None:
    assert rejection({f"ROUTER_{name}": text}) == f"ROUTER_{name} {problem}"


def test_all_problems_are_reported_at_once() -> None:
    environ = {
        "ROUTER_PORT": "x",
        "ROUTER_NONSENSE": "x",
        "ROUTER_JOB_LEASE": "x",
        "ROUTER_HOST": "h",
    }
    assert [line.split()[0] for line in rejection(environ).splitlines()] == [
        "ROUTER_JOB_LEASE",
        "ROUTER_NONSENSE",
        "ROUTER_PORT",
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_setting_can_be_read_from_a_file(tmp_path: Path, end: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(f"{CANARY * 2}{end}".encode())
    settings = Settings.read({"ROUTER_LINK_SECRET_FILE": str(file)})
    assert settings.link_secret == Secret(CANARY * 2)


def test_only_the_last_line_end_of_a_file_is_removed() -> None:
    secret = f"{CANARY * 2}\n"
    assert Settings.read({"ROUTER_LINK_SECRET": secret}).link_secret == Secret(secret)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"\xff", "names a file that is not UTF-8"),
        (b"", "names an empty file, write the value into it or remove the variable"),
        (b"\n", "names an empty file, write the value into it or remove the variable"),
        (b"x" * 65537, "names a file with more than 65536 bytes"),
    ],
)
def test_a_wrong_file_is_rejected(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    environ = {"ROUTER_EVENTS_TOKEN_FILE": str(file)}
    assert rejection(environ) == f"ROUTER_EVENTS_TOKEN_FILE {problem}"


@pytest.mark.parametrize(
    "name", [*(setting.name for setting in SETTINGS), "ROUTER_CONSOLE_TOKEN", "ROUTER_NONSENSE"]
)
def test_an_empty_variable_counts_as_not_given(name: str) -> None:
    """Compose's ``${X:-}``, an EnvironmentFile and a chart set it where no value is meant."""
    assert Settings.read({name: "", f"{name}_FILE": ""}) == Settings()


def test_an_empty_variable_gives_way_to_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(CANARY)
    environ = {"ROUTER_EVENTS_TOKEN": "", "ROUTER_EVENTS_TOKEN_FILE": str(file)}
    assert Settings.read(environ).events_token == (Secret(CANARY),)


def test_a_setting_cannot_be_set_twice(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("1")
    environ = {"ROUTER_PORT": "2", "ROUTER_PORT_FILE": str(file)}
    assert rejection(environ) == "ROUTER_PORT_FILE and ROUTER_PORT are both set, remove one of them"


@pytest.mark.parametrize(
    "environ",
    [
        {"ROUTER_REDIS_URL": f"http://:{CANARY}@host"},
        {"ROUTER_REDIS_URL": f"redis://:{CANARY}@host", "ROUTER_PORT": "x"},
        {"ROUTER_TWILIO_AUTH_TOKENS": f"{CANARY},"},
        {"ROUTER_TWILIO_BASIC_AUTH": CANARY},
        {"ROUTER_EVENTS_TOKEN_FILE": CANARY},
        {"ROUTER_EVENTS_TOKEN_FILE": f"{CANARY}\0"},
        {"ROUTER_PUBLIC_URL": f"https://user:{CANARY}@host"},
        {"ROUTER_PUBLIC_URL": f"https://host:{CANARY}"},
        {"ROUTER_EVENTS_TOKEN": CANARY, "ROUTER_EVENTS_TOKENS": CANARY},
    ],
)
def test_a_rejection_contains_no_secret(environ: dict[str, str]) -> None:
    assert CANARY not in rejection(environ)


def test_settings_show_no_secret() -> None:
    settings = Settings.read(
        {
            "ROUTER_REDIS_URL": f"redis://:{CANARY}@host",
            "ROUTER_TWILIO_AUTH_TOKENS": CANARY,
            "ROUTER_TWILIO_BASIC_AUTH": f"me:{CANARY}",
            "ROUTER_EVENTS_TOKEN": CANARY,
            "ROUTER_ADMIN_TOKEN": CANARY,
            "ROUTER_VIEWER_TOKEN": f"wall={CANARY}-long",
        }
    )
    assert CANARY not in f"{settings!r} {settings}"


def read_or_reject(environ: dict[str, str]) -> Settings | SettingsError:
    try:
        return Settings.read(environ)
    except SettingsError as error:
        return error


@given(st.dictionaries(st.sampled_from([setting.name for setting in SETTINGS]), st.text()))
def test_any_text_is_accepted_or_rejected(environ: dict[str, str]) -> None:
    assert isinstance(read_or_reject(environ), Settings | SettingsError)


@each_setting
def test_the_reference_has_each_setting(setting: Variable) -> None:
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert row(setting) in reference.splitlines()


@each_setting
def test_the_example_environment_has_each_setting(setting: Variable) -> None:
    assert example(setting) in (ROOT / ".env.example").read_text("utf-8").splitlines()


def test_the_reference_has_no_other_setting() -> None:
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
    named = [line.split("`")[1] for line in reference.splitlines() if line.startswith("| `ROUTER_")]
    assert named == [setting.name for setting in SETTINGS]


def test_each_setting_has_a_purpose() -> None:
    assert list(purposes()) == [setting.field for setting in SETTINGS]


def test_each_setting_is_used() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "router").rglob("*.py"))

    unused = [variable.field for variable in SETTINGS if f"settings.{variable.field}" not in code]

    assert unused == []


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ()),
        ({"NO_PROXY": "a.example, b.example"}, ("a.example", "b.example")),
        ({"no_proxy": "c.example", "NO_PROXY": "a.example"}, ("c.example",)),
        ({"no_proxy": "", "NO_PROXY": "http://odd"}, ("http://odd",)),
        ({"ROUTER_NO_PROXY": "d.example", "NO_PROXY": "a.example"}, ("d.example",)),
    ],
)
def test_no_proxy_is_the_routers_own_or_the_conventional_one(
    environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    """Case D27: NO_PROXY."""
    assert tuple(Settings.read(environ).no_proxy) == expected


def test_a_wrong_no_proxy_says_what_would_be_right() -> None:
    assert rejection({"ROUTER_NO_PROXY": "http://a.example"}) == (
        "ROUTER_NO_PROXY has 'http://a.example', write hosts, domains or networks with commas"
        " between them, for example localhost, .example.com, 10.0.0.0/8"
    )

"""What the doctor says of settings, also of those that cannot be read."""

from pathlib import Path

from router.doctor.doctor_check import DoctorCheck, Status
from router.doctor.settings_checks import compare_env_file, judge_settings, read_settings


def test_wrong_settings_are_all_told_and_the_others_are_used() -> None:
    environ = {"ROUTER_PORT": "x", "ROUTER_RULE": "here", "ROUTER_MAX_DEPTH": "12", "HOME": "/"}

    read = read_settings(environ)
    checks = judge_settings(read, environ, None)

    assert read.settings.max_depth == 12
    assert [read.has(name) for name in ("ROUTER_PORT", "ROUTER_MAX_DEPTH")] == [False, True]
    assert [(each.status, each.message.split()[0]) for each in checks] == [
        (Status.PROBLEM, "ROUTER_PORT"),
        (Status.PROBLEM, "ROUTER_RULE"),
    ]


def test_tokens_that_exclude_each_other_leave_the_other_settings() -> None:
    environ = {"ROUTER_ADMIN_TOKEN": "a" * 20, "ROUTER_VIEWER_TOKEN": "a" * 20, "ROUTER_PORT": "1"}

    assert read_settings(environ).settings.port == 1


def test_a_setting_of_which_the_file_is_wrong_is_not_read() -> None:
    read = read_settings({"ROUTER_REDIS_URL_FILE": "/nowhere"})

    assert not read.has("ROUTER_REDIS_URL")


def test_secrets_are_masked() -> None:
    environ = {
        "ROUTER_REDIS_URL": "redis://ann:hunter2@redis/0",
        "ROUTER_TWILIO_AUTH_TOKENS": "0123456789abcdef",
        "ROUTER_ADMIN_TOKEN": "ann=alpha-alpha-alpha-alpha",
        "ROUTER_HOST": "127.0.0.1",
    }

    (check,) = judge_settings(read_settings(environ), environ, None)

    assert check.message == (
        "4 set: ROUTER_REDIS_URL=***, ROUTER_HOST=127.0.0.1, ROUTER_TWILIO_AUTH_TOKENS=***,"
        " ROUTER_ADMIN_TOKEN=***"
    )


def env_file_check(folder: Path, environ: dict[str, str]) -> DoctorCheck:
    file = compare_env_file(folder, environ)
    return judge_settings(read_settings(environ), environ, file)[-1]


def test_variables_of_an_env_file_are_compared_and_their_values_not_shown(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ROUTER_PORT=1\nexport HOOK='https://x/secret'\n")

    unread = env_file_check(tmp_path, {"ROUTER_PORT": "1"})
    other = env_file_check(tmp_path, {"ROUTER_PORT": "1", "HOOK": "https://y"})
    read = env_file_check(tmp_path, {"ROUTER_PORT": "1", "HOOK": "https://x/secret"})

    assert (unread.name, unread.status) == (".env", Status.WARNING)
    assert unread.message == "the file .env here sets HOOK, and is not read"
    assert other.message.startswith("the environment has another value of HOOK than")
    assert (read.status, read.message.partition(";")[0]) == (
        Status.OK,
        "2 variables of the file .env here",
    )
    assert "secret" not in f"{unread} {other} {read}"


def test_a_folder_without_an_env_file_has_no_line_about_it(tmp_path: Path) -> None:
    assert compare_env_file(tmp_path, {}) is None


def test_what_a_start_warns_of_is_told() -> None:
    environ = {"ROUTER_HOST": "::", "ROUTER_EVENTS_OPEN": "yes", "ROUTER_ADMIN_TOKEN": "short"}

    _, *checks = judge_settings(read_settings(environ), environ, None)

    assert [each.fix for each in checks] == [
        "set ROUTER_EVENTS_TOKEN and remove ROUTER_EVENTS_OPEN",
        "set ROUTER_OPERATIONS_PORT",
        "use for example the output of openssl rand -base64 32",
    ]

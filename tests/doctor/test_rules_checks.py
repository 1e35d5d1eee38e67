"""What the doctor says of a rules folder."""

from pathlib import Path

from router.doctor.doctor_check import DoctorCheck, Status
from router.doctor.rules_checks import judge_rules
from router.offline.folder_check import check_folder

GOOD = """
destinations:
  hook:
    http: {url: "${HOOK_URL}"}
rules:
  - name: every
    events: [com.example.a]
    severity: warning
    send_to: [hook]
    summary: Something happened
"""


def checks_of(folder: Path, text: str, *, captures: bool = False) -> list[DoctorCheck]:
    (folder / "rules.yaml").write_text(text)
    checked = check_folder(folder, {}, now=1.8e9)
    return judge_rules(folder, checked, captures=captures)


def test_errors_have_their_place_and_do_not_end_the_report(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, "rules:\n  - {name: a, sendto: x}\n")

    assert {each.status for each in checks} == {Status.PROBLEM}
    assert f"{tmp_path}/rules.yaml:2: " in checks[0].message
    assert all(each.fix for each in checks)


def test_many_findings_are_counted(tmp_path: Path) -> None:
    text = "rules:\n" + "".join(f"  - {{name: r{number}, sendto: x}}\n" for number in range(20))

    *_, last = checks_of(tmp_path, text)

    assert last.message.endswith("more findings")
    assert last.fix == "run router check"


def test_a_variable_that_is_not_set_stops_a_worker_and_not_router_dev(tmp_path: Path) -> None:
    summary, problem = checks_of(tmp_path, GOOD)
    _, warning = checks_of(tmp_path, GOOD, captures=True)

    assert summary.message == f"{tmp_path} has 1 rule, 1 destination, 0 sources"
    assert (problem.status, problem.message) == (
        Status.PROBLEM,
        "destination hook: HOOK_URL is not set here, so that no worker starts",
    )
    assert warning.status is Status.WARNING

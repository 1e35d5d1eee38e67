"""A name that prometheus-client does not promise may go: metrics are served, after one warning."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import exposition, multiprocess

from router import prometheus_adapter
from router.metrics import Metrics

WARNING = "prometheus-client internals missing; documented API used instead"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(autouse=True)
def _warns_anew() -> Iterator[None]:
    prometheus_adapter.warn_once.cache_clear()
    yield
    prometheus_adapter.warn_once.cache_clear()


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["missing"] for record in caplog.records if record.message == WARNING]


def test_all_names_are_there(caplog: pytest.LogCaptureFixture) -> None:
    text, content_type = Metrics().exposition(OPEN_METRICS)

    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("encoder", [None, lambda _accept: "text"])
def test_without_negotiation_the_plain_text_format_is_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, encoder: object
) -> None:
    if encoder is None:
        monkeypatch.delattr(exposition, "choose_encoder")
    else:
        monkeypatch.setattr(exposition, "choose_encoder", encoder)

    for _ in range(2):
        metrics = Metrics()
        metrics.rule_matches.labels("quality").inc()
        text, content_type = metrics.exposition(OPEN_METRICS)

    assert content_type.startswith("text/plain; version=0.0.4")
    assert b'router_rule_matches_total{rule="quality"} 1.0' in text
    assert warnings_of(caplog) == [prometheus_adapter.CHOOSE_ENCODER]


@pytest.mark.parametrize("before", [None, "elsewhere"])
def test_without_its_parameter_the_folder_is_told_by_the_variable(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
    before: str | None,
) -> None:
    if before is None:
        monkeypatch.delenv(prometheus_adapter.FOLDER_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(prometheus_adapter.FOLDER_VARIABLE, before)
    with_path = multiprocess.mark_process_dead

    def mark_process_dead(pid: int) -> None:
        with_path(pid)

    monkeypatch.setattr(multiprocess, "mark_process_dead", mark_process_dead)
    gauge = tmp_path / "gauge_livesum_77.db"
    gauge.touch()

    prometheus_adapter.warn_once()
    prometheus_adapter.forget_process(77, str(tmp_path))

    assert not gauge.exists()
    assert os.environ.get(prometheus_adapter.FOLDER_VARIABLE) == before
    assert warnings_of(caplog) == [prometheus_adapter.MARK_DEAD_PATH]


def test_the_gauges_of_an_ended_process_are_dropped(tmp_path: Path) -> None:
    gauge = tmp_path / "gauge_livesum_77.db"
    gauge.touch()

    prometheus_adapter.forget_process(77, str(tmp_path))

    assert not gauge.exists()


@pytest.mark.parametrize("is_missing", [False, True])
def test_the_values_of_a_counter_are_read_with_and_without_its_internals(
    monkeypatch: pytest.MonkeyPatch, *, is_missing: bool
) -> None:
    matches = Metrics().rule_matches
    matches.labels("quality").inc(3)
    matches.labels("other")
    if is_missing:
        children = matches._metrics
        monkeypatch.delattr(matches, "_metrics")
        monkeypatch.setattr(
            matches,
            "_multi_samples",
            lambda: (
                sample._replace(labels={"rule": labels[0]})
                for labels, child in children.items()
                for sample in child._samples()
            ),
        )

    assert prometheus_adapter.values_of(matches) == {("quality",): 3.0, ("other",): 0.0}

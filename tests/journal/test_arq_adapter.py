"""A missing name of arq costs a warning, never an error later."""

import arq.constants
import arq.jobs
import msgspec
import pytest
from arq.jobs import JobDef

from router.journal import jobs
from router.journal.arq_adapter import ARQ, problems, read_names

PREFIXES = [
    ("job_key_prefix", "job_prefix"),
    ("in_progress_key_prefix", "lease_prefix"),
    ("retry_key_prefix", "starts_prefix"),
    ("health_check_key_suffix", "health_suffix"),
]


def test_the_installed_arq_has_every_name() -> None:
    assert ARQ.missing == ()
    assert problems(ARQ) == []


@pytest.mark.parametrize(("name", "field"), PREFIXES)
def test_each_prefix_is_arqs_own(monkeypatch: pytest.MonkeyPatch, name: str, field: str) -> None:
    monkeypatch.setattr(arq.constants, name, "changed:")

    assert getattr(read_names(), field) == "changed:"


@pytest.mark.parametrize(("name", "field"), PREFIXES)
def test_a_missing_prefix_is_that_of_the_version_read_and_is_reported(
    monkeypatch: pytest.MonkeyPatch, name: str, field: str
) -> None:
    monkeypatch.delattr(arq.constants, name)

    names = read_names()

    assert getattr(names, field) == getattr(ARQ, field)
    assert problems(names) == [f"arq.constants.{name} is missing"]


def test_without_arqs_serializer_the_record_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(arq.jobs, "serialize_job")

    names = read_names()

    arguments = ("evaluate", (), {}, None, 7)
    record = names.serialize_job(*arguments, serializer=msgspec.msgpack.encode)
    assert record == ARQ.serialize_job(*arguments, serializer=msgspec.msgpack.encode)
    assert jobs.is_job_for(record, "evaluate")
    assert problems(names) == ["arq.jobs.serialize_job is missing"]


def test_without_arqs_deserializer_there_is_no_self_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(arq.jobs, "deserialize_job")

    assert problems(read_names()) == ["arq.jobs.deserialize_job is missing"]


def test_a_record_that_arq_cannot_read_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(record: bytes, *, deserializer: object) -> JobDef:
        del record, deserializer
        raise arq.jobs.DeserializationError("unable to deserialize job")

    monkeypatch.setattr(arq.jobs, "deserialize_job", fail)

    assert problems(ARQ) == ["arq cannot read a job's record: unable to deserialize job"]


def test_a_record_that_arq_reads_otherwise_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(record: bytes, *, deserializer: object) -> JobDef:
        del record, deserializer
        return JobDef("other", (), {}, 1, None, None, None)  # type: ignore[arg-type]

    monkeypatch.setattr(arq.jobs, "deserialize_job", other)

    assert problems(ARQ) == ["arq reads a job's record as another job"]

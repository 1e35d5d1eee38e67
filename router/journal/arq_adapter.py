"""The parts of arq that this package relies on and that arq does not document.

No other module reads them. They were read in arq 0.28.0, and pyproject.toml caps arq below 0.29.

| name | use | if it is missing |
|---|---|---|
| ``arq.constants.job_key_prefix`` | the key of a job's record | the value of 0.28.0 |
| ``arq.constants.in_progress_key_prefix`` | the key of a job's lease | the value of 0.28.0 |
| ``arq.constants.retry_key_prefix`` | the key that counts a job's starts | the value of 0.28.0 |
| ``arq.constants.health_check_key_suffix`` | the key that ``arq --check`` reads | the value of 0.28.0 |
| ``arq.jobs.serialize_job`` | a job's record | the record of 0.28.0, written here |
| ``arq.jobs.deserialize_job`` | the self-test of that record | no self-test |

Two facts have no name in arq. ``Worker.run_job`` lets a count of starts expire after 88,400
seconds. ``deserialize_job_raw`` reads a job's record as a map with the keys ``f`` (function),
``a`` and ``k`` (arguments), ``t`` (try) and ``et`` (Unix ms of enqueueing).

Processes of one fleet agree with each other in each case, because the values of 0.28.0 are what
every release of this package has written. A missing name costs only the exchange with arq's own
tools, so ``problems`` is logged at start and the process runs.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

READ_IN: Final = "0.28.0"
STARTS_TTL_SECONDS: Final = 88_400
"""How long a job's count of starts is kept, from ``arq.worker.Worker.run_job``."""

Serializer = Callable[[dict[str, Any]], bytes]

_PREFIXES_READ: Final = {
    "job_key_prefix": "arq:job:",
    "in_progress_key_prefix": "arq:in-progress:",
    "retry_key_prefix": "arq:retry:",
    "health_check_key_suffix": ":health-check",
}
_TEST_FUNCTION: Final = "self-test"


class ArqNames(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of arq that are in use, and what was not found of them."""

    job_prefix: str
    lease_prefix: str
    starts_prefix: str
    health_suffix: str
    serialize_job: Callable[..., bytes]
    missing: Sequence[str] = ()
    """Full names that the installed arq does not have."""


def read_names() -> ArqNames:
    """Look up each name in the installed arq; take the value of 0.28.0 if it is missing."""
    missing: list[str] = []
    prefixes = {}
    for name, value_read in _PREFIXES_READ.items():
        found = _lookup("arq.constants", name, missing)
        prefixes[name] = found if isinstance(found, str) else value_read
    return ArqNames(
        job_prefix=prefixes["job_key_prefix"],
        lease_prefix=prefixes["in_progress_key_prefix"],
        starts_prefix=prefixes["retry_key_prefix"],
        health_suffix=prefixes["health_check_key_suffix"],
        serialize_job=_lookup("arq.jobs", "serialize_job", missing) or _serialize_job,
        missing=tuple(missing),
    )


def problems(names: ArqNames) -> list[str]:
    """Return what keeps arq's own tools from reading our jobs, a sentence each; empty if nothing."""
    found = [f"{name} is missing" for name in names.missing]
    deserialize_job = _lookup("arq.jobs", "deserialize_job", [])
    if deserialize_job is None:
        return [*found, "arq.jobs.deserialize_job is missing"]
    record = names.serialize_job(_TEST_FUNCTION, (), {}, None, 1, serializer=msgspec.msgpack.encode)
    try:
        job = deserialize_job(record, deserializer=msgspec.msgpack.decode)
    except Exception as error:  # noqa: BLE001 - any error means that arq cannot read the record
        return [*found, f"arq cannot read a job's record: {error}"]
    if (job.function, tuple(job.args), job.kwargs) != (_TEST_FUNCTION, (), {}):
        found.append("arq reads a job's record as another job")
    return found


def _lookup(module: str, name: str, missing: list[str]) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        missing.append(f"{module}.{name}")
        return None


def _serialize_job(
    function_name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    job_try: int | None,
    enqueue_time_ms: int,
    *,
    serializer: Serializer,
) -> bytes:
    return serializer(
        {"t": job_try, "f": function_name, "a": args, "k": kwargs, "et": enqueue_time_ms}
    )


ARQ: Final = read_names()

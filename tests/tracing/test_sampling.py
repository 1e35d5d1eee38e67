"""The samplers of the OpenTelemetry specification."""

import pytest

from router.tracing.contexts import TraceContext
from router.tracing.sampling import DEFAULT, Sampling, read_sampling

LOW, HIGH = "0" * 16 + "7" + "f" * 15, "0" * 16 + "8" + "0" * 15
"""The last id of the lower half, and the first one of the upper half."""


def context(trace_id: str, *, sampled: bool) -> TraceContext:
    return TraceContext(trace_id, "1" * 16, int(sampled))


@pytest.mark.parametrize(
    ("name", "argument", "root", "child"),
    [
        ("always_on", "", (True, True), (True, True)),
        ("always_off", "", (False, False), (False, False)),
        ("traceidratio", "0.5", (True, False), (True, True)),
        ("parentbased_always_on", "", (True, True), (False, True)),
        ("parentbased_always_off", "", (False, False), (False, True)),
        ("parentbased_traceidratio", "0.5", (True, False), (False, True)),
        (" ParentBased_TraceIdRatio ", " 0.5 ", (True, False), (False, True)),
        ("traceidratio", "0", (False, False), (False, False)),
        ("traceidratio", "1", (True, True), (True, True)),
        ("traceidratio", "", (True, True), (True, True)),
    ],
)
def test_a_sampler_decides_as_specified(
    name: str, argument: str, root: tuple[bool, bool], child: tuple[bool, bool]
) -> None:
    sampling, problem = read_sampling(
        {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    )

    assert problem == ""
    assert (sampling.records(int(LOW, 16)), sampling.records(int(HIGH, 16))) == root
    children = [context(LOW, sampled=sampled) for sampled in (False, True)]
    assert tuple(map(sampling.records_child, children)) == child


def test_only_the_low_half_of_an_id_decides() -> None:
    """The SDKs decide so, also for ids of 64 bits."""
    assert Sampling(bound=1 << 63).records((0xFFFF << 64) | 1)


def test_without_variables_all_is_recorded_unless_the_sender_says_no() -> None:
    assert read_sampling({}) == (DEFAULT, "")
    assert read_sampling({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}) == (DEFAULT, "")


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        (
            {"OTEL_TRACES_SAMPLER": "jaeger_remote"},
            (
                "OTEL_TRACES_SAMPLER is 'jaeger_remote', expected always_on, always_off,"
                " traceidratio, or parentbased_ and one"
            ),
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1%"},
            "OTEL_TRACES_SAMPLER_ARG is '1%', expected a number from 0 to 1",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.5"},
            "OTEL_TRACES_SAMPLER_ARG is '1.5', expected a number from 0 to 1",
        ),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"},
            "OTEL_TRACES_SAMPLER_ARG is 'nan', expected a number from 0 to 1",
        ),
    ],
)
def test_a_wrong_variable_is_said_and_counts_as_unset(
    environ: dict[str, str], problem: str
) -> None:
    sampling, found = read_sampling(environ)

    assert found == problem
    assert sampling.records(int(HIGH, 16))

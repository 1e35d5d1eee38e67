"""Each verifier passes the contract, with the vendor's own library as the oracle."""

import pytest
from contracts.verifier import VerifierContract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.requests_of_senders import head_of, verdict
from support.signed_requests import CASES, now

from router.sources.verifiers.kinds import VERIFIERS

values = st.one_of(
    st.text(max_size=80),
    st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "surrogateescape")),
    st.from_regex(r"(v1|v0|v1a|t|sha256|sha1)[=,][0-9a-f]{0,70}", fullmatch=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestEachVerifier(VerifierContract):
    """The contract."""

    @given(data=st.data())
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_random_headers_neither_raise_nor_pass(self, data, case, environment):
        head, _ = case.request()
        headers = {name: data.draw(values) for name in sorted(head.headers)}
        head = head_of(headers, query=data.draw(st.text(max_size=50)), received_at=now())
        refusal = await verdict(case.verifier(environment), head, data.draw(st.binary()))
        assert refusal is not None


async def test_the_table_of_verifiers_and_their_oracles(environment):
    """Run with ``-s`` to see it."""
    lines = []
    for case in CASES:
        accepted = await verdict(case.verifier(environment), *case.request())
        refused = await verdict(case.verifier(environment, case.wrong), *case.request())
        lines.append(f"{case.name:42} {case.oracle:50} {accepted or 'passes'}  {refused.code}")
    print("", *lines, sep="\n")  # noqa: T201 - the table
    assert {case.key for case in CASES} >= set(VERIFIERS) - {"networks"}

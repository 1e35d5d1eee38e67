"""The contract that every verifier passes."""

from time import perf_counter

import pytest
from support.requests_of_senders import head_of, verdict
from support.signed_requests import BODY, NOW, OTHER, PLANTED

from router.sources.verifiers.kinds import VERIFIERS

HOSTILE = [
    pytest.param("", id="empty"),
    pytest.param("\udcff\udcfe", id="no UTF-8"),
    pytest.param("ü" * 64, id="not ASCII"),
    pytest.param("=,=,v1=,t=,sha256=, ,", id="separators"),
    pytest.param("v1=" + "0" * 64 + ",t=99999999999999999999999999", id="a huge time"),
    pytest.param("a" * 10_000_000, id="10 MB"),
    pytest.param("v1," * 100_000, id="100,000 signatures"),
]


class VerifierContract:
    """The contract; ``case`` is a parameter of the subclass."""

    async def test_the_right_request_passes_here_and_at_the_oracle(self, case, environment):
        head = case.head(BODY)
        assert case.agrees(head.headers, BODY)
        assert await verdict(case.verifier(environment), head, BODY) is None

    async def test_any_of_several_secrets_passes(self, case, environment):
        verifier = case.verifier(environment, case.both)
        assert await verdict(verifier, case.head(BODY), BODY) is None

    async def test_another_secret_is_refused(self, case, environment):
        verifier = case.verifier(environment, case.wrong)
        refusal = await verdict(verifier, case.head(BODY), BODY)
        assert refusal.status == 403
        assert refusal.code.startswith("wrong_")

    @pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", BODY.replace(b"1", b"2")])
    async def test_a_changed_body_is_refused_here_and_at_the_oracle(self, body, case, environment):
        head = case.head(BODY)
        refusal = await verdict(case.verifier(environment), head, body)
        assert (refusal is None) is not case.signs_body
        assert case.agrees(head.headers, body) is not case.signs_body

    async def test_a_request_without_credentials_is_unauthorized_by_its_head(
        self, case, environment
    ):
        refusal = case.verifier(environment).check_head(head_of({}))
        assert refusal.status == 401
        if case.key in {"bearer", "basic"}:
            assert refusal.headers["WWW-Authenticate"].lower().startswith(case.key)

    async def test_each_header_is_needed(self, case, environment):
        headers = case.headers(BODY, NOW)
        for name in headers:
            rest = {each: value for each, value in headers.items() if each != name}
            head = head_of(rest, query=case.query, received_at=NOW)
            assert await verdict(case.verifier(environment), head, BODY) is not None

    async def test_a_truncated_header_is_refused(self, case, environment):
        headers = case.headers(BODY, NOW)
        for name, value in headers.items():
            for cut in (value[:-1], value[1:], value[: len(value) // 2]):
                head = head_of({**headers, name: cut}, query=case.query, received_at=NOW)
                assert await verdict(case.verifier(environment), head, BODY) is not None

    @pytest.mark.parametrize(("factor", "code"), [(1.0, None), (1.01, "too_old")])
    async def test_old_and_future_requests_are_refused(self, factor, code, case, environment):
        for sign, word in ((1, code), (-1, code and "too_new")):
            head = case.head(BODY, age=sign * factor * case.tolerance)
            refusal = await verdict(case.verifier(environment), head, BODY)
            assert (refusal and refusal.code) == (word if case.has_time else None)

    @pytest.mark.parametrize("value", HOSTILE)
    async def test_a_hostile_header_is_refused_at_once(self, value, case, environment):
        verifier = case.verifier(environment)
        headers = case.headers(BODY, NOW)
        for name in headers:
            head = head_of({**headers, name: value}, query=case.query, received_at=NOW)
            started = perf_counter()
            refusal = await verdict(verifier, head, BODY)
            assert refusal is not None
            assert perf_counter() - started < 1.0

    async def test_no_refusal_has_a_secret_or_a_signature(self, case, environment):
        head = case.head(BODY)
        refusals = [
            await verdict(case.verifier(environment, case.wrong), head, BODY),
            await verdict(case.verifier(environment), head, BODY + b"\n"),
            await verdict(case.verifier(environment), head_of({}), BODY),
        ]
        text = repr(refusals)
        leaked = [PLANTED, OTHER, *(value for value in head.headers.values() if len(value) > 15)]
        assert [each for each in leaked if each in text] == []

    def test_no_display_of_the_options_has_a_secret(self, case):
        config = VERIFIERS[case.key].config(**case.options)
        assert PLANTED not in repr((config, config.warnings()))

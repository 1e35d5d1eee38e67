"""The contract that every verifier passes."""

from time import perf_counter

import pytest
from support.requests_of_senders import head_of, verdict
from support.signed_requests import OTHER, PLANTED

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
        head, body = case.request()
        assert case.agrees(head.headers, body)
        assert await verdict(case.verifier(environment), head, body) is None

    async def test_any_of_several_secrets_passes(self, case, environment):
        verifier = case.verifier(environment, case.both)
        assert await verdict(verifier, *case.request()) is None

    async def test_another_secret_is_refused(self, case, environment):
        verifier = case.verifier(environment, case.wrong)
        refusal = await verdict(verifier, *case.request())
        assert refusal.status == 403
        assert refusal.code.startswith("wrong_")

    async def test_a_changed_body_is_refused_here_and_at_the_oracle(self, case, environment):
        head, body = case.request()
        for change in case.changed:
            refusal = await verdict(case.verifier(environment), head, change(body))
            assert (refusal is None) is not case.signs_body
            assert case.agrees(head.headers, change(body)) is not case.signs_body

    async def test_a_request_without_credentials_is_unauthorized(self, case, environment):
        refusal = await verdict(case.verifier(environment), head_of({}), b"{}")
        assert refusal.status == 401
        if case.key in {"bearer", "basic"}:
            assert refusal.headers["WWW-Authenticate"].lower().startswith(case.key)

    async def test_a_stranger_is_refused_before_the_body_is_read(self, case, environment):
        refusal = case.verifier(environment).check_head(head_of({}))
        assert (refusal is None) is case.unsigned_headers

    async def test_each_header_is_needed(self, case, environment):
        head, body = case.request()
        for name in head.headers:
            rest = {each: value for each, value in head.headers.items() if each != name}
            refusal = await verdict(case.verifier(environment), case.with_headers(rest, body), body)
            assert (refusal is None) is case.unsigned_headers

    async def test_a_truncated_header_is_refused(self, case, environment):
        head, body = case.request()
        for name, value in head.headers.items():
            for cut in (value[:-1], value[1:], value[: len(value) // 2]):
                changed = case.with_headers({**head.headers, name: cut}, body)
                refusal = await verdict(case.verifier(environment), changed, body)
                assert (refusal is None) is case.unsigned_headers

    @pytest.mark.parametrize(("factor", "code"), [(1.0, None), (1.01, "too_old")])
    async def test_old_and_future_requests_are_refused(self, factor, code, case, environment):
        for sign, word in ((1, code), (-1, code and "too_new")):
            head, body = case.request(sign * factor * case.tolerance)
            refusal = await verdict(case.verifier(environment), head, body)
            assert (refusal and refusal.code) == (word if case.has_time else None)

    @pytest.mark.parametrize("value", HOSTILE)
    async def test_a_hostile_header_is_refused_at_once(self, value, case, environment):
        verifier = case.verifier(environment)
        head, body = case.request()
        for name in head.headers:
            changed = case.with_headers({**head.headers, name: value}, body)
            started = perf_counter()
            refusal = await verdict(verifier, changed, body)
            assert (refusal is None) is case.unsigned_headers
            assert perf_counter() - started < 1.0

    async def test_no_refusal_has_a_secret_or_a_signature(self, case, environment):
        head, body = case.request()
        refusals = [
            await verdict(case.verifier(environment, case.wrong), head, body),
            await verdict(case.verifier(environment), head, body + b"\n"),
            await verdict(case.verifier(environment), head_of({}), body),
        ]
        text = repr(refusals)
        leaked = [PLANTED, OTHER, *(value for value in head.headers.values() if len(value) > 15)]
        assert [each for each in leaked if each in text] == []

    def test_no_display_of_the_options_has_a_secret(self, case):
        config = VERIFIERS[case.key].config(**case.options)
        assert PLANTED not in repr((config, config.warnings()))

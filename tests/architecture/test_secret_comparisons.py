"""Secrets and signatures are compared in constant time, or their bytes leak through response times."""

import ast
import functools

from support.repository_text import PACKAGE, router_modules, text_of

SECRETS = ("token", "secret", "signature", "password", "digest", "hash", "given", "actual", "mac")
COMPARING = {
    "api/signed_links.py": 1,
    "console/session.py": 1,
    "datatypes.py": 1,
    "sources/hmac_scheme.py": 1,
    "sources/twilio_signature.py": 2,
}
"""The modules that compare secrets, and how often each does."""


@functools.cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    """Return the modules that name the function; parsing all of them takes seconds."""
    return tuple(
        (path.relative_to(PACKAGE).as_posix(), ast.parse(text_of(path)))
        for path in router_modules()
        if "compare_digest" in text_of(path)
    )


def test_the_modules_that_compare_secrets_do_so_in_constant_time() -> None:
    """Mutant: ``==`` for ``compare_digest`` in any of them."""
    found: dict[str, int] = {}
    for name, tree in modules():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        count = sum(ast.unparse(call.func) == "hmac.compare_digest" for call in calls)
        if count:
            found[name] = count

    assert found == COMPARING


def test_no_secret_is_compared_by_its_bytes() -> None:
    """Mutant: ``signature == self._signature(payload)``."""
    plain = []
    for name, tree in modules():
        if name not in COMPARING:
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.Compare):
                continue
            is_equality = any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            operands = [ast.unparse(each).lower() for each in (node.left, *node.comparators)]
            is_count = any(".count(" in operand for operand in operands)
            named = not is_count and any(
                word in operand for operand in operands for word in SECRETS
            )
            if is_equality and named:
                plain.append(f"{name}:{node.lineno}: {ast.unparse(node)}")

    assert plain == []

"""The verifiers, a line each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from router.sources.contract import Verifier, VerifierConfig, VerifierEnvironment
from router.sources.verifiers.github import GithubConfig, GithubVerifier


class VerifierKind(msgspec.Struct, frozen=True):
    """How a verifier is configured and built."""

    config: type[VerifierConfig]
    build: Callable[[Any, VerifierEnvironment], Verifier]


VERIFIERS: Final[Mapping[str, VerifierKind]] = {
    "github": VerifierKind(GithubConfig, GithubVerifier),
}
"""The verifiers by the key under which ``verify`` names them."""


def build_verifier(config: VerifierConfig, environment: VerifierEnvironment) -> Verifier:
    """Return the verifier that ``config`` describes."""
    kind = next(kind for kind in VERIFIERS.values() if type(config) is kind.config)
    return kind.build(config, environment)

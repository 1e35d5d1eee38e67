"""The options of verifiers that have a secret, and the checks of secrets. Pure."""

from typing import Final

from router.sources.contract import OptionWarning, Secrets, VerifierConfig, secret_list

MAX_SECRETS: Final = 10
"""Secrets of a source. Each costs an HMAC of the body."""
_SHORT: Final = 16


class SecretConfig(VerifierConfig, frozen=True, kw_only=True):
    """The options of a verifier with a secret."""

    secret: Secrets
    """The secret that the sender signs with; several while one is replaced."""

    def __post_init__(self) -> None:
        check_secrets(self.secret)

    def warnings(self) -> tuple[OptionWarning, ...]:
        """Return what ``router check`` warns of."""
        return secret_warnings(self.secret)


def check_secrets(secrets: Secrets, option: str = "secret") -> None:
    """Raise ValueError for a secret that is empty, and for too many."""
    listed = secret_list(secrets)
    if not all(listed) or not listed:
        raise ValueError(f"{option} is empty, so that each sender would know it: write a secret")
    if len(listed) > MAX_SECRETS:
        raise ValueError(f"{option} has {len(listed)} secrets, at most {MAX_SECRETS} are tried")


def secret_warnings(secrets: Secrets, option: str = "secret") -> tuple[OptionWarning, ...]:
    """Return the warnings about secrets that are easily guessed or wrongly copied."""
    texts = [secret.reveal() for secret in secret_list(secrets)]
    found = []
    if any(text != text.strip() for text in texts):
        found.append(
            OptionWarning(
                option,
                f"{option} begins or ends with white space",
                "remove it, if the sender's secret has none",
            )
        )
    if any(len(text) < _SHORT for text in texts):
        found.append(
            OptionWarning(
                option,
                f"{option} is shorter than {_SHORT} characters, and may be guessed",
                "take a random one, for example of openssl rand -hex 32",
            )
        )
    return tuple(found)

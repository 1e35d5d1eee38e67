"""The configuration that a rules folder describes, and the one that is active."""

from typing import Final

import msgspec

from router.configuration import files
from router.destinations.spec import DestinationSpec
from router.errors import Diagnostic
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence
from router.sources.spec import SourceSpec
from router.timestamps import CLOCK_TOLERANCE


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the rules folder."""

    rules: RuleSet
    destinations: tuple[DestinationSpec, ...]
    generation: str
    """A short hash of the files, equal in all processes that run the same rules."""
    sources: tuple[SourceSpec, ...] = ()
    """The senders of events besides those that every router has."""
    silences: tuple[Silence, ...] = ()
    """The silences in the files; the journal has further ones."""
    fingerprint: files.Fingerprint = ()
    """The fingerprint of the files when they were read, to detect changes."""
    warnings: tuple[Diagnostic, ...] = ()
    """Problems that do not prevent loading."""


class ActiveConfiguration:
    """The active configuration of a process, which a reload replaces as a whole.

    A stage that uses it several times reads ``configuration`` once, so that it sees one version.

    Args:
        configuration: The one to begin with.
        clock_tolerance: Seconds by which the clocks of senders may differ.
    """

    def __init__(
        self, configuration: Configuration, *, clock_tolerance: float = CLOCK_TOLERANCE
    ) -> None:
        self.configuration = configuration
        self.tolerance_ms: Final = round(clock_tolerance * 1000)
        """By how much the clocks of senders may differ, which no reload changes."""
        self.journal_silences: tuple[Silence, ...] = ()
        """The silences of the journal, as last read."""

    @property
    def silences(self) -> tuple[Silence, ...]:
        """All silences of the files and of the journal, whether active now or not."""
        return self.configuration.silences + self.journal_silences

"""The configuration that a rules folder describes, and the one that is active."""

import msgspec

from router.configuration import files
from router.destinations.spec import DestinationSpec
from router.errors import Diagnostic
from router.rules.index.rule_set import RuleSet
from router.rules.suppression.silences import Silence


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules folder says."""

    rules: RuleSet
    destinations: tuple[DestinationSpec, ...]
    generation: str
    """A short hash of the files: two processes with the same one run the same rules."""
    silences: tuple[Silence, ...] = ()
    """Those of the files; others are in the journal."""
    fingerprint: files.Fingerprint = ()
    """What the system said of the files when they were read, to see when they change."""
    warnings: tuple[Diagnostic, ...] = ()
    """What may be meant as it stands, but reads as if it were not."""


class ActiveConfiguration:
    """The configuration in force. It is exchanged as a whole.

    Whoever does several things by it takes it once, at the beginning, and keeps what it took.
    """

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.journal_silences: tuple[Silence, ...] = ()
        """The silences of the journal, as last seen."""

    @property
    def silences(self) -> tuple[Silence, ...]:
        """All that there are, whether they are in force just now or not."""
        return self.configuration.silences + self.journal_silences

"""Load the rules folder to one frozen Configuration, or raise RulesError with all problems.

Every ``*.yaml`` directly in the folder may have the sections of ``SECTIONS``, which are merged, and the
keys of ``FILE_KEYS``, which apply to their own file. No content of a file raises another exception than
RulesError.
"""

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from router.configuration import files
from router.configuration.model import Configuration
from router.configuration.readers.tables import FILE_LIMIT as TABLE_LIMIT
from router.configuration.rule_links import linked
from router.configuration.section_readers import FILE_KEYS, SECTIONS, SOURCES
from router.configuration.sections import Sections, SectionScope
from router.configuration.variables import MissingVariable
from router.configuration.yaml.document import (
    DIAGNOSTICS_LIMIT,
    YamlDocument,
    decode_document,
)
from router.errors import Diagnostic, Level, RulesError
from router.rules.index.rule_set import RuleSet
from router.settings.environment import FROM_FILE, non_empty
from router.settings.model import PREFIX

_ATTEMPTS: Final = 5
_FOLDER: Final = f"{PREFIX}RULES"
"""The setting that names the folder."""
_TABLES_LIMIT: Final = 64 << 20
"""Bytes of all files together; beyond it, no further table is read."""


class FolderPart(enum.Enum):
    """The part of a rules folder that a process uses."""

    ALL = enum.auto()
    """All sections."""
    SOURCES = enum.auto()
    """The section of sources; the default folder need not exist."""
    RULES = enum.auto()
    """All sections; the variables of sources need not be set."""


NO_FOLDER: Final = "none"
"""The generation of a folder that does not exist."""


class ConfigurationSource(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a process's configuration at its start and at each reload."""

    folder: Path
    environ: Mapping[str, str]
    """The values of variables in destinations; read again at each reload."""
    missing: MissingVariable = MissingVariable.ERROR
    """The treatment of variables that are not set."""
    part: FolderPart = FolderPart.ALL
    """The part that the process uses."""

    def fingerprint(self) -> files.Fingerprint:
        """Return the current fingerprint of the folder and of the variables' files. Never raises."""
        variables = (
            Path(path) for name, path in sorted(non_empty(self.environ).items()) if _is_file(name)
        )
        return (*files.fingerprint(self.folder), *map(files.file_fingerprint, variables))

    def load(self) -> Configuration:
        """Read a consistent version of the folder.

        Files that change while they are read are read again, because the first could be an old
        version and the second a new one.

        Raises RulesError.
        """
        for _ in range(_ATTEMPTS):
            before = self.fingerprint()
            try:
                configuration = self._load()
            except RulesError:
                if self.fingerprint() == before:
                    raise
            else:
                if self.fingerprint() == before:
                    return msgspec.structs.replace(configuration, fingerprint=before)
        path = files.printable_path(self.folder)
        raise RulesError([Diagnostic(path, 0, 0, "the files changed while they were read")])

    def _load(self) -> Configuration:
        is_optional = self.part is FolderPart.SOURCES and not self.environ.get(_FOLDER)
        if is_optional and not self.folder.exists():
            return Configuration(rules=RuleSet(()), destinations=(), generation=NO_FOLDER)
        return load(self.folder, self.environ, missing=self.missing, part=self.part)


def _is_file(variable: str) -> bool:
    """Return whether a variable may name the file of a destination's variable."""
    return variable.endswith(FROM_FILE) and not variable.startswith(PREFIX)


def load(
    folder: Path,
    environ: Mapping[str, str],
    *,
    missing: MissingVariable = MissingVariable.ERROR,
    now: float | None = None,
    part: FolderPart = FolderPart.ALL,
) -> Configuration:
    """Read the rules folder.

    Args:
        folder: The rules folder.
        environ: The values of variables in destinations.
        missing: The treatment of variables that are not set.
        now: Unix seconds, to warn of what has ended; None if it does not matter.
        part: The part that is needed.

    Raises:
        RulesError: The folder has errors; it carries up to DIAGNOSTICS_LIMIT diagnostics.
    """
    contents = {str(file): files.read_content(file) for file in files.rules_files(folder)}
    return load_contents(contents, folder, environ, missing=missing, now=now, part=part)


def load_contents(
    contents: dict[str, bytes | str],
    folder: Path,
    environ: Mapping[str, str],
    *,
    missing: MissingVariable,
    now: float | None = None,
    part: FolderPart = FolderPart.ALL,
) -> Configuration:
    """Read files of rules as ``load`` does, whose other arguments and errors this has.

    ``contents`` has the bytes of each file by its path, or as text why it cannot be read. Those of
    tables, which are read from ``folder``, are added.
    """
    documents = [
        decode_document(files.printable_path(file), content) for file, content in contents.items()
    ]
    others: dict[str, YamlDocument] = {}

    def read_file(name: str) -> YamlDocument | str:
        if name not in others:
            file = files.sibling_file(folder, name)
            if isinstance(file, str):
                return file
            room = _TABLES_LIMIT - sum(len(each) for each in contents.values())
            contents[str(file)] = content = files.read_content(file, min(TABLE_LIMIT, max(room, 0)))
            if isinstance(content, str):
                return content
            others[name] = decode_document(files.printable_path(file), content)
            documents.append(others[name])
        return others[name]

    scope = SectionScope(environ, missing, read_file, now)
    if part is FolderPart.RULES:
        scope.missing_in_sources = MissingVariable.KEEP
    only = SOURCES if part is FolderPart.SOURCES else None
    read = Sections(SECTIONS, documents, FILE_KEYS).read(scope, only=only)
    diagnostics = sorted(
        diagnostic for document in documents for diagnostic in document.diagnostics()
    )
    if any(diagnostic.level is Level.ERROR for diagnostic in diagnostics):
        raise RulesError(diagnostics[:DIAGNOSTICS_LIMIT])
    return Configuration(
        rules=RuleSet(
            linked(read["rules"], read["inhibitions"], read["first_of"]),
            firing_only=(
                spec.name
                for spec in read["destinations"]
                if spec.config is not None and not spec.config.send_resolved
            ),
        ),
        silences=tuple(read["silences"]),
        destinations=tuple(read["destinations"]),
        sources=tuple(read[SOURCES]),
        generation=files.generation(contents),
        warnings=tuple(diagnostics[:DIAGNOSTICS_LIMIT]),
    )

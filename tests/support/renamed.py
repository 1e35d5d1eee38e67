"""Import a library under other internal names: ``renamed(library, {pattern: replacement})``.

An adapter must work with a version of its library in which a private name is gone. The source of
each module of the library is changed before it is compiled, so that the library itself is whole
and only the name is another one.
"""

import importlib.abc
import importlib.machinery
import re
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType


class _Loader(importlib.machinery.SourceFileLoader):
    names: Mapping[str, str]

    def get_data(self, path: str) -> bytes:
        data = super().get_data(path)
        return self._renamed(data) if path.endswith(".py") else data

    def _renamed(self, data: bytes) -> bytes:
        text = data.decode()
        for pattern, replacement in self.names.items():
            text = re.sub(pattern, replacement, text)
        return text.encode()

    def path_stats(self, path: str) -> Mapping[str, float]:
        data = super().get_data(path)
        if self._renamed(data) != data:
            raise OSError(path)  # no bytecode cache, neither read nor written
        return super().path_stats(path)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, library: str, names: Mapping[str, str]) -> None:
        self._library = library
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != self._library:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            loader = _Loader(spec.loader.name, spec.loader.path)
            loader.names = self._names
            spec.loader = loader
        return spec


def rename(library: str, names: Mapping[str, str]) -> None:
    """Import ``library`` from now on with each pattern of ``names`` replaced in its source."""
    sys.meta_path.insert(0, _Finder(library, names))

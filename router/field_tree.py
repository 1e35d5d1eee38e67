"""Paths of fields as a tree, by which a document is walked once for all of them (pure)."""

from collections.abc import Iterable

import msgspec

from router.field_paths import Each, FieldPath


class FieldTree(msgspec.Struct, eq=False):
    """The rest of all paths that lead to one value."""

    is_end: bool = False
    """Whether a path ends here, so that all of the value is meant."""
    names: dict[str, "FieldTree"] = {}
    """The rest for members with these names."""
    each: "FieldTree | None" = None
    """The rest for all members or elements."""

    @classmethod
    def of(cls, paths: Iterable[FieldPath]) -> "FieldTree":
        """Return the tree of some paths from the same value."""
        root = cls()
        for path in paths:
            root._add(path)
        return root

    def member(self, name: str) -> "FieldTree | None":
        """Return the tree of the member with a name; None if no path leads there."""
        named = self.names.get(name)
        return named or self.each if named is None or self.each is None else named.with_(self.each)

    def with_(self, other: "FieldTree") -> "FieldTree":
        """Return the tree of the paths of both."""
        names = {
            name: tree.with_(other.names[name]) if name in other.names else tree
            for name, tree in self.names.items()
        }
        each = self.each or other.each
        if self.each is not None and other.each is not None:
            each = self.each.with_(other.each)
        return FieldTree(self.is_end or other.is_end, {**other.names, **names}, each)

    def _add(self, path: FieldPath) -> None:
        tree = self
        for step in path:
            if isinstance(step, Each):
                tree.each = tree.each or FieldTree()
                tree = tree.each
            else:
                tree = tree.names.setdefault(step, FieldTree())
        tree.is_end = True

"""A rules folder that tests write, and exchange as Kubernetes exchanges a ConfigMap."""

import itertools
from pathlib import Path


class RulesFolder:
    """``write`` exchanges all files at once: each is a link through one link that is renamed."""

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.path = path
        self._versions = itertools.count()

    def write(self, **files: str) -> None:
        """The folder holds these from now on: name without ``.yaml``, text."""
        version = self.path / f"..{next(self._versions)}"
        version.mkdir()
        for name, text in files.items():
            (version / f"{name}.yaml").write_text(text, encoding="utf-8")
        link = self.path / "..new"
        link.symlink_to(version.name)
        link.rename(self.path / "..data")
        for name in files:
            if not (self.path / f"{name}.yaml").is_symlink():
                (self.path / f"{name}.yaml").symlink_to(f"..data/{name}.yaml")
        for file in self.path.glob("*.yaml"):
            if file.stem not in files:
                file.unlink()


def rule(name: str, *send_to: str, **keys: str) -> str:
    """One rule for every event, in YAML."""
    more = "".join(f", {key}: {value}" for key, value in keys.items())
    return f"  - {{name: {name}, events: ['*'], send_to: [{', '.join(send_to)}]{more}}}\n"


def capture(*names: str) -> str:
    """The section ``destinations`` with places that only remember."""
    return "destinations:\n" + "".join(f"  {name}: {{capture: {{}}}}\n" for name in names)

"""docs/hooks.py, which is no module of a package: the rules of anchors, navigation and links of the site."""

import importlib.util
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
_SPEC: Final = importlib.util.spec_from_file_location("site_hooks", DOCS / "hooks.py")
assert _SPEC
assert _SPEC.loader
hooks: Final[Any] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(hooks)


def site_configuration() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))

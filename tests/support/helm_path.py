"""Where Helm and the schemas of Kubernetes are for the tests. Imports nothing that must be installed."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[2] / ".venv" / "helm"
"""The folder into which ``make helm`` installs both."""
WITHOUT_HELM: Final = "Helm was not found: run `make helm`"


def helm_folder() -> Path | None:
    """Return the folder with Helm's library; None if it is not installed."""
    return FOLDER if (FOLDER / "helm_python").is_dir() else None


def kubernetes_schemas() -> Path:
    """Return the folder that has a folder of JSON Schemas for each version of Kubernetes."""
    return FOLDER / "kubernetes_validate" / "kubernetes-json-schema"

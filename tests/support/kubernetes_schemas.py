"""The schemas of Kubernetes by version, as the package ``kubernetes-validate`` brings them.

They are read without that package, which parses all definitions again for each object.
"""

import functools
import json
import re
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from support.custom_resources import custom_resource_schema
from support.helm_path import kubernetes_schemas

_GROUP = re.compile(r"^([^./]*)(?:\.[^/]*)?/")
"""Names of files have the first label of a group: ``networking-v1``."""


def all_versions() -> list[str]:
    """Return the versions that there are schemas of, such as ``1.37``, oldest first."""
    found = (
        re.fullmatch(r"v(1\.\d+)\.0-local-strict", path.name)
        for path in (kubernetes_schemas().iterdir() if kubernetes_schemas().is_dir() else ())
    )
    return sorted((each[1] for each in found if each), key=lambda text: int(text[2:]))


def problems(object_: dict[str, Any], version: str) -> list[str]:
    """Return what is wrong with an object in a version of Kubernetes: unknown fields, too."""
    where = f"{object_['kind']} {object_['metadata']['name']}"
    own = custom_resource_schema(object_["apiVersion"], object_["kind"])
    validator = Draft202012Validator(own) if own else _validator(object_, version)
    if validator is None:
        return [f"{where}: Kubernetes {version} has no {object_['apiVersion']}"]
    return [f"{where}: {each.json_path}: {each.message}" for each in validator.iter_errors(object_)]


def _validator(object_: dict[str, Any], version: str) -> Draft202012Validator | None:
    group = _GROUP.sub(r"\1-", object_["apiVersion"])
    path = _folder(version) / f"{object_['kind'].lower()}-{group}.json"
    if not path.is_file():
        return None
    return Draft202012Validator(json.loads(path.read_bytes()), registry=_registry(version))


@functools.cache
def _registry(version: str) -> Registry[Any]:
    definitions = Resource.from_contents(
        json.loads((_folder(version) / "_definitions.json").read_bytes())
    )
    return definitions @ Registry()


def _folder(version: str) -> Path:
    return kubernetes_schemas() / f"v{version}.0-local-strict"

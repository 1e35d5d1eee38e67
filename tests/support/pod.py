"""A container of the chart as Kubernetes would start it: its environment, files and probes.

Kubernetes documentation: "Define Dependent Environment Variables", "Secrets", "ConfigMaps".
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from support.helm import Object, of_kind
from support.rules_folder import RulesFolder

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
RULES = "/etc/router/rules"
"""Where the rules are in a container."""


class MadeByHand(msgspec.Struct, frozen=True):
    """The objects of an operator beside the chart: values by name of the object and by key."""

    secrets: Mapping[str, Mapping[str, str]] = {}
    config_maps: Mapping[str, Mapping[str, str]] = {}


def workloads(objects: list[Object]) -> list[Object]:
    """Return the objects with a pod: Deployments, and the pod of ``helm test``."""
    return of_kind(objects, "Deployment", "Pod")


def pod_spec(object_: Object) -> dict[str, Any]:
    """Return the pod of a Deployment, or of itself."""
    found: dict[str, Any] = object_["spec"]
    return found if object_["kind"] == "Pod" else found["template"]["spec"]


def labels(workload: Object) -> dict[str, str]:
    """Return the labels of the pods of an object."""
    pod = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    found: dict[str, str] = pod["metadata"]["labels"]
    return found


def containers(object_: Object) -> list[dict[str, Any]]:
    """Return the containers of an object with a pod."""
    pod = pod_spec(object_)
    return [*pod.get("initContainers", ()), *pod["containers"]]


def made_secrets(objects: list[Object]) -> dict[str, dict[str, str]]:
    """Return the values of the Secrets that the chart makes."""
    return {
        each["metadata"]["name"]: {
            key: base64.b64decode(value).decode() for key, value in each["data"].items()
        }
        for each in of_kind(objects, "Secret")
    }


def _write_rules(folder: RulesFolder, files: Mapping[str, str]) -> None:
    yaml = {Path(name).stem: text for name, text in files.items() if name.endswith(".yaml")}
    folder.write(**yaml)
    for name in files.keys() - {f"{stem}.yaml" for stem in yaml}:
        (folder.path / name).write_text(files[name], "utf-8")


class Pod:
    """The pod of a Deployment, or that of ``helm test``.

    Args:
        name: The name of the object.
        objects: All objects of the release.
        by_hand: Those that are not of the release.
        folder: Where the volumes are mounted instead of at the root; one for each pod.
    """

    def __init__(self, name: str, objects: list[Object], by_hand: MadeByHand, folder: Path) -> None:
        (found,) = (each for each in workloads(objects) if each["metadata"]["name"] == name)
        (self.container,) = containers(found)
        self.arguments: list[str] = self.container["args"]
        self._volumes = {each["name"]: each for each in pod_spec(found)["volumes"]}
        self._secrets = {**by_hand.secrets, **made_secrets(objects)}
        made = {each["metadata"]["name"]: each["data"] for each in of_kind(objects, "ConfigMap")}
        self._config_maps = {**by_hand.config_maps, **made}
        self._folder = folder

    def mount(self) -> RulesFolder | None:
        """Write the volumes as Kubernetes mounts them; return the rules, if the pod has them."""
        rules = None
        for mount in self.container["volumeMounts"]:
            place, volume = self.place(mount["mountPath"]), self._volumes[mount["name"]]
            place.mkdir(parents=True)
            if "secret" in volume:
                for key, value in self._secrets[volume["secret"]["secretName"]].items():
                    (place / key).write_text(value, "utf-8")
            if mount["mountPath"] == RULES:
                assert "subPath" not in mount  # it would never be updated
                rules = RulesFolder(place)
                _write_rules(rules, self._config_maps[volume["configMap"]["name"]])
        return rules

    def place(self, path: str) -> Path:
        """Return where a path of the container is in the test."""
        return Path(str(self._folder) + path)

    def environ(self) -> dict[str, str]:
        """Return the variables of the container, in which mounted paths are those of ``place``."""
        found: dict[str, str] = {}
        for source in self.container.get("envFrom", ()):
            found |= self._secrets.get(source.get("secretRef", {}).get("name", ""), {})
        for each in self.container.get("env", ()):
            found[each["name"]] = self._value(each, found)
        mounted = "|".join(each["mountPath"] for each in self.container["volumeMounts"])
        path = re.compile(rf"(?<![\w/])({mounted})(?=/|$)")
        return {
            name: path.sub(lambda match: str(self.place(match[1])), text)
            for name, text in found.items()
        }

    def _value(self, variable: Mapping[str, Any], earlier: Mapping[str, str]) -> str:
        if "valueFrom" in variable:
            ref = variable["valueFrom"]["secretKeyRef"]
            return self._secrets[ref["name"]][ref["key"]]

        def expanded(match: re.Match[str]) -> str:
            return "$" if match[1] is None else earlier.get(match[1], match[0])

        return _REFERENCE.sub(expanded, variable["value"])

    def port(self, name: str) -> int:
        """Return the number of a port."""
        found = {each["name"]: each["containerPort"] for each in self.container["ports"]}
        return int(found[name])

    def probes(self) -> dict[str, str]:
        """Return the path of each probe, by ``startup``, ``liveness`` and ``readiness``."""
        probes = ("startup", "liveness", "readiness")
        return {each: self.container[f"{each}Probe"]["httpGet"]["path"] for each in probes}

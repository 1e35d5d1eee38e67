"""Answers requests to Helm's library, one JSON line each; ``support/helm.py`` starts it.

A process of its own, because the library has a runtime of Go with threads and signal handlers.
"""

import json
import sys
from typing import Any

import helm_python  # type: ignore[import-not-found]


def answer(request: dict[str, Any], charts: dict[str, Any]) -> Any:
    folder, values = request["chart"], request["values"]
    if request["what"] == "lint":
        return helm_python.lint(folder, values, strict=True)
    if request["what"] == "package":
        return helm_python.package(folder, destination=request["to"])
    if folder not in charts:
        charts[folder] = helm_python.Chart.load(folder)
    chart = charts[folder]
    chart.validate_schema(values)
    return chart.render(values, name=request["release"], namespace=request["namespace"])


def main() -> None:
    charts: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            said = {"result": answer(json.loads(line), charts)}
        except helm_python.HelmError as error:
            said = {"error": str(error)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Node-RED, where it is installed: a flow of three nodes that does the same.

``npm install --prefix bench/.cache/node-red node-red`` installs it; it is looked for there.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.outcome import first_line
from bench.processes import UNDER_TEST, Process, free_port
from bench.sink import Sink

_PROGRAM = (
    Path(__file__).parent.parent / ".cache" / "node-red" / "node_modules" / "node-red" / "red.js"
)


def available() -> str:
    """Why it cannot be run, ``""`` if it can."""
    if _PROGRAM.exists():
        return ""
    return "not installed (npm install --prefix bench/.cache/node-red node-red)"


def version() -> str:
    package = _PROGRAM.parent / "package.json"
    if not package.exists():
        return ""
    return f"{json.loads(package.read_text())['version']}, node {first_line('node', '--version')}"


@contextmanager
def server(sink: Sink) -> Iterator[Process]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-node-red-") as name:
        folder = Path(name)
        (folder / "flows.json").write_text(json.dumps(_flow(sink.url())))
        (folder / "settings.js").write_text(
            "module.exports = {uiHost: '127.0.0.1', flowFile: 'flows.json', credentialSecret: false,"
            " httpAdminRoot: false, logging: {console: {level: 'error'}}, apiMaxLength: '5mb'};"
        )
        with Process(
            ["node", str(_PROGRAM), "--userDir", name, "--port", str(port)],
            cores=UNDER_TEST,
            port=port,
        ) as process:
            yield process


def _flow(sink: str) -> list[dict[str, object]]:
    """HTTP in → answer and filter → message → HTTP request."""
    judge = (
        "node.send([{res: msg.res, statusCode: 202, payload: {accepted: msg.payload.length}}, null]);"
        "for (const event of msg.payload) {"
        " if (event.type.startsWith('com.twilio.voice.insights.conference-summary.')"
        "     && event.data.status === 'summary_timeout')"
        "  node.send([null, {payload: {alert: {rule: 'rule-0', severity: 'warning',"
        "   summary: `Conference ${event.data.friendly_name} timed out`}, event}}]);"
        "}"
    )
    place = {"z": "tab", "x": 100, "y": 100}
    return [
        {"id": "tab", "type": "tab", "label": "bench"},
        {
            "id": "in",
            "type": "http in",
            "url": "/twilio",
            "method": "post",
            "wires": [["judge"]],
            **place,
        },
        {
            "id": "judge",
            "type": "function",
            "func": judge,
            "outputs": 2,
            "wires": [["out"], ["send"]],
            **place,
        },
        {"id": "out", "type": "http response", "wires": [], **place},
        {
            "id": "send",
            "type": "http request",
            "method": "POST",
            "url": sink,
            "ret": "txt",
            "paytoqs": "ignore",
            "persist": True,
            "wires": [[]],
            **place,
        },
    ]

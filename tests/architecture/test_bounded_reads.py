"""No command reads, deletes or returns a number of members that nothing limits.

Redis runs nothing else meanwhile, and the process must have memory for the reply. A command that may do so
is read in pages, or is in the table below with what limits it.
"""

import re

from support.repository_text import PACKAGE, router_modules, text_of

WHOLE = {"hgetall", "hvals", "hkeys", "smembers", "sinter", "sunion", "sdiff", "keys", "sort"}
RANGES = {"lrange", "zrange", "zrevrange"}
BY_SCORE = {"zrangebyscore", "zrevrangebyscore", "zrangebylex"}
REMOVED = {"zremrangebyscore", "zremrangebyrank", "zremrangebylex"}
SCANS = {"scan", "hscan", "sscan", "zscan"}
STREAMS = {"xrange", "xrevrange", "xread"}
COMMANDS = WHOLE | RANGES | BY_SCORE | REMOVED | SCANS | STREAMS
CALL = re.compile(
    rf"(?:\b(?:redis\.p?call|write)\('|(?:redis|pipeline)\.)({'|'.join(COMMANDS)})\b['(]",
    re.IGNORECASE,
)


def call_at(text: str, start: int) -> str:
    """Return a call to its last parenthesis."""
    depth = 0
    for end in range(text.index("(", start), len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return text[start : end + 1]
    raise AssertionError(text[start : start + 80])


def is_whole(command: str, call: str) -> bool:
    """Return whether nothing in a call limits what it reads or removes."""
    if command in RANGES:
        return re.search(r",\s*0,\s*-1\b", call) is not None
    if command in BY_SCORE:
        return "LIMIT" not in call
    if command in SCANS | STREAMS:
        return "count" not in call.lower()
    return True


LIMITED = {
    "journal/ledger.py: hgetall": "a few counters, four of each destination and one of each reason",
    "journal/alert_gauges.py: hvals": "the rules that have keyed alerts",
    "journal/pauses.py: hgetall": "the destinations that are paused",
    "journal/destination_health.py: hvals": "the processes whose circuit changed within the hour",
    "journal/redis_health.py: hgetall": "one counter for each kind of record",
    "journal/silences.py: hgetall": "add_silence stores at most 2,000",
    "journal/shown_alerts.py: hgetall": "four fields, and the destinations of an alert key",
    "journal/unknown_rules.py: hgetall": "the features of rules that a worker waits for",
    "journal/twilio_tests.py: zrevrange": "record_test stores at most 100",
    "journal/scripts/begin_batch.lua: lrange": "accept adds at most 1,000 events and 4 MB, or one commit",
    "journal/scripts/begin_set.lua: hgetall": "100 deliveries by HLEN, of 4 MB by finish",
    "journal/scripts/begin_unread.lua: hkeys": "100 deliveries by HLEN, without their records",
    "journal/scripts/lanes.lua: hvals": "the destinations of an alert key",
    "journal/lanes.py: hgetall": "the destinations of an alert key",
    "rules/state/count.lua: zrangebyscore": "four events of each of fewer than 2,000 values; 20 kept events; a row of under 200",
    "rules/state/measure.lua: hgetall": "256 bins in each of 60 parts",
    "rules/state/standing.lua: zrangebyscore": "four events of each of fewer than 2,000 values",
    "journal/scripts/move_back.lua: zremrangebyrank": "one page",
    "journal/scripts/set_back.lua: hkeys": "the queues and lists of open work",
    "journal/scripts/record_test.lua: zremrangebyrank": "one more than the limit",
    "journal/scripts/shard_heartbeat.lua: zremrangebyscore": "the consumers of a stream",
    "journal/scripts/shard_heartbeat.lua: zrange": "the consumers of a stream",
    "journal/scripts/use_rules.lua: zremrangebyscore": "the machines of a minute, each once a fingerprint",
    "rules/state/absent.lua: zrangebyscore": "20 wordings of a rule",
    "rules/state/absent.lua: zremrangebyrank": "one more than the limit",
    "rules/state/count.lua: zremrangebyscore": "within a span are fewer than at_least, so 30,000 at most",
    "rules/state/count.lua: zremrangebyrank": "at_least, which is 10,000 at most",
    "rules/state/follows.lua: zremrangebyscore": "1,000 earlier events",
    "rules/state/follows.lua: zremrangebyrank": "one more than the limit",
    "rules/state/group.lua: hgetall": "20 alerts and 1,000 places of a group; the fields of an open alert",
    "rules/state/inhibit.lua: zremrangebyscore": "100 marks of a key",
    "rules/state/inhibit.lua: zremrangebyrank": "one more than the limit",
    "rules/state/inhibit.lua: zrangebyscore": "100 marks of a key",
    "rules/state/resolve.lua: hgetall": "the destinations of an open alert, and 1,000 of each group",
}


def found() -> set[str]:
    places = set()
    for path in [*PACKAGE.rglob("*.lua"), *router_modules()]:
        text = text_of(path)
        if path.suffix == ".lua":
            text = re.sub(r"--[^\n]*", "", text)
        for match in CALL.finditer(text):
            command = match[1].lower()
            if is_whole(command, call_at(text, match.start())):
                places.add(f"{path.relative_to(PACKAGE)}: {command}")
    return places


def test_what_is_read_without_a_limit_is_limited_by_what_is_written() -> None:
    """Mutant: begin_batch's LRANGE, added to another script."""
    assert found() == set(LIMITED)

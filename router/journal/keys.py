"""The Redis schema: every key that the router writes, its type and its lifetime.

| key | type | lifetime |
|---|---|---|
| ``router:batch:<batch>`` | list: a msgpack array of events for each commit | until it is finished |
| ``router:digests:<batch>`` | string: 16 bytes for each of its events; once they are claimed, \
instead, a character for each: 1 if the batch may evaluate it, 0 if it is a duplicate, ? if it is not \
claimed yet | as the batch; at most a day, or as long as its claims |
| ``router:parts:<batch>`` | string: the parts of it that are finished | until all of it is finished; \
at most 30 days after a part |
| ``router:batches`` | sorted set: batch -> Unix ms of acceptance | member until finished |
| ``router:filling:<queue>`` | hash: the batch or set to which more is added, and how much is in it \
| until its job begins or it is full |
| ``router:claims`` | hash: ``state``, see claims.py, and ``count``, the claims in the newest bucket | \
unlimited |
| ``router:claims:<bucket>:<shard>`` | set of integers: digests of events | twice ROUTER_DEDUP_WINDOW |
| ``router:identities:<batch>``, ``router:seen:<digest>`` | strings: digests and claims in their older \
form, see claims.py | a day; ROUTER_DEDUP_WINDOW |
| ``router:set:<set>`` | hash: delivery id -> msgpack delivery | field until settled |
| ``router:alerts:<id>`` | hash: number -> msgpack alert, ``<number>#`` -> its deliveries | field \
until the last record that refers to it is deleted |
| ``router:sets:<destination>`` | sorted set: set -> Unix ms at which it is due | member until empty |
| ``router:dead:<destination>`` | hash: delivery id -> msgpack dead letter | until replayed, discarded |
| ``router:dead-index:<destination>`` | sorted set: delivery id -> Unix ms | as above |
| ``router:lane:<alert key>`` | hash: destination -> state of the lane, with what it was told last, see \
lanes.py | until 30 days after its last use, or until 100,000 others were used after it |
| ``router:lane-queue:<alert key>:<destination>`` | sorted set: waiting delivery id -> its number | member \
until it is sent |
| ``router:lane-waiting:<destination>`` | hash: waiting delivery id -> msgpack delivery | as above |
| ``router:lanes:<destination>`` | sorted set: alert key with waiting deliveries -> Unix ms since when | as \
above |
| ``router:lane-ages`` | sorted set: alert key -> Unix ms of its last use | as its lanes |
| ``router:latest-number`` | string: the number of the chain that was decided last | unlimited |
| ``router:unserved`` | hash: orphaned destination -> mark | until a process claims it |
| ``router:unserved-rules`` | hash: ``<rule>/<feature>`` unknown to a process that met its timer -> \
mark | until a process knows it, or its timers are dropped |
| ``router:rules-in-use`` | sorted set: fingerprint of a rules folder and name of a machine whose processes \
use it -> Unix ms | a minute after the last of them has recorded it |
| ``router:strikes:<batch, timer or set>`` | hash: digest of a piece -> starts without an end | a day |
| ``router:holds`` | hash: paused destination -> msgpack pause | field until resumed |
| ``router:circuits:<destination>`` | hash: process -> msgpack state of its circuit, see \
destination_health.py | an hour after the last change, or as long as it is open |
| ``router:last-error:<destination>`` | string: msgpack error of the last attempt that failed | 8 days |
| ``router:tested:<destination>`` | string: a test message was opened a moment ago | seconds |
| ``router:test-result:<delivery>`` | string: msgpack result of a test message | an hour |
| ``router:rate:<destination>`` | string: Unix microseconds of the next attempt | a second after it |
| ``router:timer:<id>`` | string: msgpack timer | until it has fired |
| ``router:timers`` | sorted set: timer -> Unix ms at which it is due | member until fired |
| ``router:taken:<timer>`` | hash: the members that a group's timer has taken | until it has fired |
| ``router:clock`` | string: the latest Unix ms that Redis's clock has shown | unlimited |
| ``router:clock-moves`` | hash: ``<sorted set>:set-back:<Unix ms>``, which is such a set -> ms by \
which its due times are too late | until moved |
| ``router:quarantine`` | hash: id -> msgpack quarantined item | until discarded, replayed |
| ``router:quarantine-index`` | sorted set: id -> Unix ms | as above |
| ``router:series:<resolution>:<name>`` | string: counts over time, see series.py | as long as it \
reaches back after the last addition: 15 min, 3 h, 8 d |
| ``router:series-writer:<process>`` | string: the number of its last addition to series | 15 min |
| ``router:twilio-tests`` | sorted set: msgpack [test id, account] -> Unix ms | the newest 100 |
| ``router:source:<source>`` | hash: counts of requests and events, and the Unix ms of the first and latest \
ones, see source_log.py | 30 days after the last addition |
| ``router:source-refusals:<source>`` | list: msgpack ``RefusedRequest``, newest first | the newest 100; as \
above |
| ``router:source-writer:<process>`` | hash: source -> the number of its last addition | 15 min |
| ``router:answers:<batch or timer>`` | hash: chain -> its result; ``#<chain>`` -> its \
number | until that is finished |
| ``router:state:<feature>:<digest>`` | the state of a rule for one key, see the Lua files of \
rules/state: a sorted set of events, or a hash | the feature's time; a group until its message is sent |
| ``router:keys:<feature>`` | sorted set: digest -> Unix ms of its end, to limit their number | as \
its longest member |
| ``router:state:absent-<rule>:states`` | sorted set: digest of each wording -> Unix ms until which \
events may wait in it | as its longest member |
| ``router:state:<feature>:<digest>:<part>`` | hash: bin of a percentile -> numbers of a part of a window \
| two windows |
| ``router:state:<feature>:since`` | string: Unix ms at which the first event of a rule with ``spike`` happened \
| 30 days and two windows |
| ``router:state:<feature>:over`` | hash: digest -> Unix ms at which its alerts last ended | at most \
four hours |
| ``router:keys:<feature>:over`` | sorted set: digest -> Unix ms at which that expires | as above |
| ``router:state:alert:<alert key>`` | hash: record, a msgpack ``AlertRecord``; alert, a msgpack \
``StoredAlert`` | until a day after it is resolved |
| ``router:keyed-alerts`` | sorted set: alert key -> Unix ms of its last change | 24 hours after its end |
| ``router:looks`` | sorted set: alert key -> Unix ms at which it is judged again | member until then |
| ``router:alert-counts`` | hash: rule -> its keyed alerts | field until it has none |
| ``router:ended-alerts:<rule>`` | sorted set: key of a resolved alert -> Unix ms of its end | member as \
the alert |
| ``router:sweep`` | string: the cursor of a pass over all keyed alerts that are open | until its end |
| ``router:state:<inhibition>:<digest>:inhibited`` | set: keyed alerts that are inhibited | as the marks |
| ``router:state:<inhibition>:<digest>:inhibited:ended`` | set: those to look at because an alert that \
inhibited them has ended | until then; at most a day |
| ``router:silences`` | hash: id -> silence in JSON | five days after its end |
| ``router:silence-ends`` | sorted set: id -> Unix ms of its end | as above |
| ``router:audit`` | stream: entry, a msgpack ``AuditEntry``; its id is its time | the newest 10,000 |
| ``router:audit-others`` | stream: as above, of readers of alert links and failed logins | the newest \
2,000 |
| ``router:ack:<alert key>`` | hash: by, at (Unix ms) | 30 days |
| ``router:acknowledgement-receivers`` | sorted set: destination that is told of acknowledgements -> Unix \
ms at which a worker registered it last | member unlimited; used for a day |
| ``router:streams`` | hash: digest -> the stream in JSON, see streams.py | until an operator resets it |
| ``router:stream:<digest>:checkpoints`` | hash: shard -> sequence number, or ``ended``; ``start``, the \
Unix seconds to read from, 0 for the oldest record; ``created``, the Unix ms of the stream's creation | \
as above |
| ``router:stream:<digest>:lease:<shard>`` | string: the consumer that reads it | ROUTER_JOB_LEASE |
| ``router:stream:<digest>:consumers`` | sorted set: consumer -> Unix ms of its end | ROUTER_JOB_LEASE |
| ``router:history`` | hash: the newest segments of history, see history_log.py | as they |
| ``router:history-segments`` | sorted set: msgpack of a closed segment -> Unix ms of its first entry \
| ROUTER_HISTORY, or until ROUTER_HISTORY_MEMORY is used |
| ``router:history:<log>:<n>`` | list: entries of a segment, see router/history/stored.py | as above |
| ``router:history-names:<log>:<n>`` | string: 10 bytes for each name of its records | as above |
| ``router:ledger`` | hash: counters, see ledger.py | unlimited |
| ``router:epoch`` | string: Unix seconds and an id, written once into an empty store | unlimited |
| ``router:probe`` | string: Unix seconds of the last check of the store | unlimited |
| ``router:unreadable`` | hash: kind -> how many records scripts have moved aside | unlimited |
| ``router:unreadable:<key>`` | a key that had another type, or a record of a rule's state that could \
not be used, as it was found | a week |
| ``router:unreadable-ledger`` | hash: field of the ledger -> what it contained instead of a count | \
unlimited |
| ``router:schema`` | string: the version of this schema that wrote to this Redis last | unlimited |
| ``router:queue:evaluate``, ``router:queue:timers``, ``router:queue:deliver:<destination>`` | arq's \
queues | arq |
| ``<queue>:health-check`` | string: arq's line about a running worker | seconds |
| ``arq:job:<id>`` | string: arq's job; its id is that of a batch, timer or set | as long as that |
| ``arq:in-progress:<id>``, ``arq:retry:<id>`` | arq's lease and count of starts | seconds; a day; no \
longer than the job |
| ``router:memory:<digest>`` | string: a value of a destination | its own; Slack threads 7 days |

Channels: ``router:wake:<queue>``, published by the transaction that enqueues;
``router:silences-changed``.

A key contains no text from an event: its identity is hashed, so that a sender's id can neither make
a key long nor be read in it.

Some keys have older names than the ideas that they store: ``unserved`` (orphaned), ``strikes``
(crash counts), ``holds`` (pauses), ``answers`` (results of chains), ``memory`` (destination store) and
``together-`` (the set of a digest). They stay, because processes of several versions share them
during an upgrade.
"""

from hashlib import blake2b
from typing import Final, NewType

from router.journal.arq_adapter import ARQ

BatchId = NewType("BatchId", str)
SetId = NewType("SetId", str)
TimerId = NewType("TimerId", str)

BATCHES: Final = "router:batches"
QUARANTINE: Final = "router:quarantine"
QUARANTINE_INDEX: Final = "router:quarantine-index"
TWILIO_TESTS: Final = "router:twilio-tests"
LEDGER: Final = "router:ledger"
HISTORY: Final = "router:history"
HISTORY_SEGMENTS: Final = "router:history-segments"
CLOCK: Final = "router:clock"
CLOCK_MOVES: Final = "router:clock-moves"
EPOCH: Final = "router:epoch"
PROBE: Final = "router:probe"
CLAIMS: Final = "router:claims"
CLAIM_SHARD: Final = "router:claims:"
ORPHANED: Final = "router:unserved"
UNKNOWN_RULES: Final = "router:unserved-rules"
RULES_IN_USE: Final = "router:rules-in-use"
UNREADABLE: Final = "router:unreadable"
UNREADABLE_KEY: Final = "router:unreadable:"
UNREADABLE_LEDGER: Final = "router:unreadable-ledger"
SCHEMA: Final = "router:schema"
STREAMS: Final = "router:streams"
PAUSES: Final = "router:holds"
EVALUATE_QUEUE: Final = "router:queue:evaluate"
TIMER: Final = "router:timer:"
TIMERS: Final = "router:timers"
TIMER_WATCH: Final = "router:timer-watch"
TIMER_QUEUE: Final = "router:queue:timers"
STATE: Final = "router:state:"
ROWS: Final = "rows"
ROW_SET: Final = "row-set"
STATE_KEYS: Final = "router:keys:"
SILENCES: Final = "router:silences"
SILENCE_ENDS: Final = "router:silence-ends"
SILENCES_CHANGED: Final = "router:silences-changed"
AUDIT: Final = "router:audit"
AUDIT_OTHERS: Final = "router:audit-others"
ACKNOWLEDGEMENT: Final = "router:ack:"
ACKNOWLEDGEMENT_RECEIVERS: Final = "router:acknowledgement-receivers"
KEYED_ALERTS: Final = "router:keyed-alerts"
LOOKS: Final = "router:looks"
SWEEP: Final = "router:sweep"
ENDED_ALERTS: Final = "router:ended-alerts:"
ALERT_COUNTS: Final = "router:alert-counts"
LANE_AGES: Final = "router:lane-ages"
SHOWN_AGES: Final = "router:shown-ages"
LATEST_NUMBER: Final = "router:latest-number"
_WAKE: Final = "router:wake:"
_ARQ_JOB: Final = ARQ.job_prefix
_ARQ_LEASE: Final = ARQ.lease_prefix
_ARQ_STARTS: Final = ARQ.starts_prefix
_KEYED_ALERT: Final = "alert"
DIGEST_SET: Final = "together-"
WAKE_PATTERN: Final = f"{_WAKE}*"
RETRY_NOW: Final = b"retry"
"""A message on the channel of a queue: its circuit may be tried at once. Others are empty."""


def batch(batch_id: BatchId) -> str:
    """Return the key of a batch's events."""
    return f"router:batch:{batch_id}"


def filling(queue: str) -> str:
    """Return the key of the batch or set of a queue to which more is added."""
    return f"router:filling:{queue.removeprefix('router:queue:')}"


def chain_results(work: str) -> str:
    """Return the key of the results of a batch's or timer's chains."""
    return f"router:answers:{work}"


def acknowledgement(alert_key: str) -> str:
    """Return the key of the acknowledgement of alerts."""
    return ACKNOWLEDGEMENT + alert_key


def keyed_alert(alert_key: str) -> str:
    """Return the key of what is true of a keyed alert."""
    return f"{STATE}{_KEYED_ALERT}:{alert_key}"


def shown_alert(alert_key: str) -> str:
    """Return the key of what the page of an alert shows."""
    return f"router:shown:{alert_key}"


def timer(timer_id: TimerId) -> str:
    """Return the key of a timer."""
    return TIMER + timer_id


def taken(timer_id: TimerId) -> str:
    """Return the key of the members that a group's timer has taken."""
    return f"router:taken:{timer_id}"


def event_digest(event_key: str) -> bytes:
    """Return the 16 bytes by which an event is claimed."""
    return blake2b(event_key.encode(), digest_size=16).digest()


def digests(batch_id: str) -> str:
    """Return the key of the digests of a batch's events, or of the results of their claims."""
    return f"router:digests:{batch_id}"


def seen(digest: bytes) -> str:
    """Return the key of the claim on an event in its older form."""
    return f"router:seen:{digest.hex()}"


def identities(batch_id: str) -> str:
    """Return the key of the digests of a batch's events in their older form."""
    return f"router:identities:{batch_id}"


def state(name: str, key: str) -> str:
    """Return the key of what a state of rules stores at a key."""
    return f"{STATE}{name}:{key}"


def parts(work: str) -> str:
    """Return the key of how many parts of a batch are finished."""
    return f"router:parts:{work}"


def delivery_set(set_id: SetId) -> str:
    """Return the key of a set's deliveries."""
    return f"router:set:{set_id}"


def stored_alerts(name: str) -> str:
    """Return the key of alerts that are stored once for several deliveries."""
    return f"router:alerts:{name}"


def digest_set(destination: str, due_ms: int) -> SetId:
    """Return the id of the set in which a destination's deliveries of a digest wait together."""
    digest = blake2b(destination.encode(), digest_size=8).hexdigest()
    return SetId(f"{DIGEST_SET}{due_ms}-{digest}")


def is_digest_set(set_id: SetId) -> bool:
    """Return whether a set is that of a digest."""
    return set_id.startswith(DIGEST_SET)


def open_sets(destination: str) -> str:
    """Return the key of the list of a destination's sets."""
    return f"router:sets:{destination}"


def lane(alert_key: str) -> str:
    """Return the key of the lanes of an alert key, one for each destination."""
    return f"router:lane:{alert_key}"


def lane_queue(alert_key: str, destination: str) -> str:
    """Return the key of the deliveries that wait in a lane."""
    return f"router:lane-queue:{alert_key}:{destination}"


def lanes(destination: str) -> str:
    """Return the key of the list of a destination's lanes in which deliveries wait."""
    return f"router:lanes:{destination}"


def waiting_deliveries(destination: str) -> str:
    """Return the key of the deliveries that wait in a destination's lanes."""
    return f"router:lane-waiting:{destination}"


def dead_letters(destination: str) -> str:
    """Return the key of a destination's dead letters."""
    return f"router:dead:{destination}"


def dead_letter_index(destination: str) -> str:
    """Return the key of the times of a destination's dead letters."""
    return f"router:dead-index:{destination}"


def crash_counts(job_id: str) -> str:
    """Return the key of the starts without an end, of the pieces of a job."""
    return f"router:strikes:{job_id}"


def rate(destination: str) -> str:
    """Return the key of a destination's rate limit."""
    return f"router:rate:{destination}"


def deliver_queue(destination: str) -> str:
    """Return the key of a destination's queue."""
    return f"router:queue:deliver:{destination}"


def job(job_id: str) -> str:
    """Return the key of arq's record of a job."""
    return _ARQ_JOB + job_id


def lease(job_id: str) -> str:
    """Return the key of arq's lease of a job."""
    return _ARQ_LEASE + job_id


def starts(job_id: str) -> str:
    """Return the key of arq's count of a job's starts since it last ended."""
    return _ARQ_STARTS + job_id


def job_keys(job_id: str) -> tuple[str, str, str]:
    """Return the keys of a job's record, lease and starts, all deleted when it ends."""
    return job(job_id), lease(job_id), starts(job_id)


def set_keys(set_id: SetId, destination: str) -> tuple[str, str, str, str, str, str]:
    """Return the keys of a set: its deliveries, the open sets, the queue, and those of its job."""
    return (
        delivery_set(set_id),
        open_sets(destination),
        deliver_queue(destination),
        *job_keys(set_id),
    )


def health_check(queue: str) -> str:
    """Return the key that ``arq --check`` reads for a queue."""
    return f"{queue}{ARQ.health_suffix}"


def wake_channel(queue: str) -> str:
    """Return the channel on which a queue's workers are woken."""
    return _WAKE + queue


def queue_of(channel: str) -> str:
    """Return the queue whose workers are woken on a channel."""
    return channel.removeprefix(_WAKE)

"""The Redis schema, whole: every key that the router writes, its type and its lifetime.

| key | type | lifetime |
|---|---|---|
| ``router:batch:<batch>`` | list: a msgpack array of events for each commit | until it is finished |
| ``router:identities:<batch>`` | string: the digest of each of its events' identity, in their order | \
as the batch; a day at most |
| ``router:batches`` | sorted set: batch -> Unix ms of acceptance | member until finished |
| ``router:filling:<queue>`` | hash: the id of the batch or set that takes more, and how much it \
holds | until it is begun or full |
| ``router:seen:<digest>`` | string: the batch that claimed the event | ROUTER_DEDUP_WINDOW |
| ``router:set:<set>`` | hash: delivery id -> msgpack delivery | field until settled |
| ``router:sets:<destination>`` | sorted set: set -> Unix ms at which it is due | member until empty |
| ``router:dead:<destination>`` | hash: delivery id -> msgpack dead letter | until replayed, discarded |
| ``router:dead-index:<destination>`` | sorted set: delivery id -> Unix ms of death | as above |
| ``router:unserved`` | hash: destination -> mark of who found that nobody delivers there | until somebody does |
| ``router:strikes:<batch, timer or set>`` | hash: digest of a piece -> starts without an end | a day |
| ``router:holds`` | hash: destination -> msgpack hold | field until resumed |
| ``router:rate:<destination>`` | string: Unix microseconds of the next turn | a second after it |
| ``router:timer:<id>`` | string: msgpack timer | until it has fired |
| ``router:timers`` | sorted set: timer -> Unix ms at which it is due | member until fired |
| ``router:taken:<timer>`` | hash: what a group's timer took from it | until it has fired |
| ``router:quarantine`` | hash: id -> msgpack quarantined event | until discarded, replayed |
| ``router:quarantine-index`` | sorted set: id -> Unix ms | as above |
| ``router:twilio-tests`` | sorted set: msgpack [test id, account] -> Unix ms | the newest 100 |
| ``router:answers:<batch or timer>`` | hash: chain -> what was decided | until that is finished |
| ``router:state:<feature>:<digest>`` | what a rule remembers of one key, see the Lua files of rules/state: a \
sorted set of events, or a hash | the feature's time; a group until it is told |
| ``router:keys:<feature>`` | sorted set: digest -> Unix ms of its end, to bound their number | as \
its longest member |
| ``router:state:<feature>:over`` | hash: digest -> Unix ms at which its alerts ended last | four \
hours at most |
| ``router:keys:<feature>:over`` | sorted set: digest -> Unix ms at which that is forgotten | as above |
| ``router:silences`` | hash: id -> silence in JSON | five days after its end |
| ``router:silence-ends`` | sorted set: id -> Unix ms of its end | as above |
| ``router:ack:<alert key>`` | hash: by, at (Unix ms) | 30 days |
| ``router:stream:<digest>:checkpoints`` | hash: shard -> sequence number, or ``ended`` | for ever |
| ``router:stream:<digest>:lease:<shard>`` | string: the consumer that reads it | ROUTER_JOB_LEASE |
| ``router:stream:<digest>:consumers`` | sorted set: consumer -> ms of its end | ROUTER_JOB_LEASE |
| ``router:ledger`` | hash of counters, see ``Ledger`` in ledger.py | for ever |
| ``router:queue:evaluate``, ``router:queue:timers``, ``router:queue:deliver:<destination>`` | arq's \
queues | arq |
| ``arq:job:<id>`` | string: arq's job, a batch's, timer's or set's id in it | as long as that, no TTL |
| ``<queue>:health-check`` | string: arq's line about a running worker | seconds |
| ``arq:in-progress:<id>``, ``arq:retry:<id>`` | arq's lease and count of starts | seconds; a day; no longer than the job |
| ``router:memory:<digest>`` | string: what a destination remembers | as it says; Slack threads 7 days |

Channels: ``router:wake:<queue>``, published in the transaction that enqueues;
``router:silences-changed``.

No key holds text from an event: an event's identity is hashed, so a stranger's id can neither
grow a key nor leak through one.
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
ORPHANED: Final = "router:unserved"
PAUSES: Final = "router:holds"
EVALUATE_QUEUE: Final = "router:queue:evaluate"
TIMER: Final = "router:timer:"
TIMERS: Final = "router:timers"
TIMER_QUEUE: Final = "router:queue:timers"
STATE: Final = "router:state:"
STATE_KEYS: Final = "router:keys:"
SILENCES: Final = "router:silences"
SILENCE_ENDS: Final = "router:silence-ends"
SILENCES_CHANGED: Final = "router:silences-changed"
ACKNOWLEDGEMENT: Final = "router:ack:"
_WAKE: Final = "router:wake:"
_ARQ_JOB: Final = ARQ.job_prefix
_ARQ_LEASE: Final = ARQ.lease_prefix
_ARQ_STARTS: Final = ARQ.starts_prefix
_GATHERED: Final = "together-"
WAKE_PATTERN: Final = f"{_WAKE}*"


def batch(batch_id: BatchId) -> str:
    return f"router:batch:{batch_id}"


def filling(queue: str) -> str:
    return f"router:filling:{queue.removeprefix('router:queue:')}"


def chain_results(work: str) -> str:
    return f"router:answers:{work}"


def acknowledgement(alert_key: str) -> str:
    return ACKNOWLEDGEMENT + alert_key


def timer(timer_id: TimerId) -> str:
    return TIMER + timer_id


def taken(timer_id: TimerId) -> str:
    return f"router:taken:{timer_id}"


def state(state: str, key: str) -> str:
    return f"{STATE}{state}:{key}"


def identity(event_key: str) -> str:
    """Of 32 characters."""
    return blake2b(event_key.encode(), digest_size=16).hexdigest()


def seen(identity: str) -> str:
    return f"router:seen:{identity}"


def identities(batch_id: str) -> str:
    return f"router:identities:{batch_id}"


def delivery_set(set_id: SetId) -> str:
    return f"router:set:{set_id}"


def digest_set(destination: str, due_ms: int) -> SetId:
    """The one set of a destination for what falls due at this moment together."""
    digest = blake2b(destination.encode(), digest_size=8).hexdigest()
    return SetId(f"{_GATHERED}{due_ms}-{digest}")


def is_digest_set(set_id: SetId) -> bool:
    return set_id.startswith(_GATHERED)


def open_sets(destination: str) -> str:
    return f"router:sets:{destination}"


def dead_letters(destination: str) -> str:
    return f"router:dead:{destination}"


def dead_letter_index(destination: str) -> str:
    return f"router:dead-index:{destination}"


def crash_counts(job_id: str) -> str:
    return f"router:strikes:{job_id}"


def starts(job_id: str) -> str:
    """Arq's count of how often a job was started since it last ended."""
    return _ARQ_STARTS + job_id


def rate(destination: str) -> str:
    return f"router:rate:{destination}"


def deliver_queue(destination: str) -> str:
    return f"router:queue:deliver:{destination}"


def destination_memory(key: str) -> str:
    return f"router:memory:{blake2b(key.encode(), digest_size=16).hexdigest()}"


def job(job_id: str) -> str:
    return _ARQ_JOB + job_id


def lease(job_id: str) -> str:
    return _ARQ_LEASE + job_id


def health_check(queue: str) -> str:
    """Return the key that ``arq --check`` reads for a queue."""
    return f"{queue}{ARQ.health_suffix}"


def job_keys(job_id: str) -> tuple[str, str, str]:
    """What arq keeps of a job beside its place in a queue; gone when it has ended."""
    return job(job_id), lease(job_id), starts(job_id)


def stream_checkpoints(stream: str) -> str:
    return f"router:stream:{stream}:checkpoints"


def stream_consumers(stream: str) -> str:
    return f"router:stream:{stream}:consumers"


def shard_lease(stream: str, shard: str) -> str:
    return f"router:stream:{stream}:lease:{shard}"


def wake_channel(queue: str) -> str:
    return _WAKE + queue


def queue_of(channel: str) -> str:
    """The queue whose wake channel this is."""
    return channel.removeprefix(_WAKE)

"""The facts that are judged, from what Redis has."""

from router.api.destination_views import AttemptCounts, DestinationHealthView, health_view
from router.api.views import destination_view
from router.console.frame_figures import situation_of
from router.journal.destination_health import CircuitRecord, ReportedHealth
from router.journal.ledger import DestinationLedger, Ledger
from router.journal.pauses import Pause, PauseKind
from router.journal.queue_ages import QueueAge

QUIET = [0] * 61


def shown(
    name: str,
    *,
    failed: int = 0,
    circuit: int = 0,
    pause: PauseKind | None = None,
    oldest: float = 0.0,
    dead: int = 0,
) -> DestinationHealthView:
    return health_view(
        destination_view(
            name,
            DestinationLedger(opened=5 + dead, dead=dead),
            None if pause is None else Pause(kind=pause, at=1.0),
        ),
        pause,
        ReportedHealth(CircuitRecord(circuit, 0)),
        AttemptCounts(QUIET, [*QUIET[1:], failed]),
        QueueAge(f"deliver:{name}", 5, oldest),
    )


def test_each_destination_that_does_not_receive_is_named_once_for_what_is_to_do() -> None:
    pauses = {
        "by-hand": PauseKind.PAUSED,
        "gone": PauseKind.DISABLED,
        "refuses": PauseKind.REFUSED,
    }
    found = situation_of(
        Ledger(accepted=3, matched=1, destinations={"fails": DestinationLedger(dead=2)}),
        [
            shown("by-hand", pause=PauseKind.PAUSED, oldest=900),
            shown("fails", failed=3, oldest=20),
            shown("gone", pause=PauseKind.DISABLED),
            shown("open", circuit=2, oldest=30),
            shown("refuses", pause=PauseKind.REFUSED),
            shown("well", oldest=10),
        ],
        pauses,
        quarantined=4,
    )

    assert found.failing == ("fails", "open", "refuses")
    assert (found.disabled, found.paused) == (("gone",), ("by-hand",))
    # What waits because of a pause is not late, and one that fails is named as such.
    assert (found.slowest, found.slowest_seconds, found.oldest_seconds) == ("well", 10, 30)
    assert (found.unevaluated, found.dead_letters, found.quarantined) == (2, 2, 4)

"""The scenarios that are played on both, with what each of the two sends."""

from typing import Final

from contracts.alertmanager.scenario import (
    Acknowledge,
    Crash,
    Down,
    EndSilence,
    Minute,
    Scenario,
    Silence,
    Step,
    Up,
)

_FIRING: Final = ("a firing",)
_RESOLVED: Final = ("a resolved",)

SCENARIOS: Final = (
    Scenario(
        name="fire and resolve",
        steps=(
            Step(what="`a` down", do=(Down("a"),), alertmanager=_FIRING, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
    ),
    Scenario(
        name="down again while it is down",
        steps=(
            Step(what="`a` down", do=(Down("a"),), alertmanager=_FIRING, router=_FIRING),
            Step(what="`a` down again", do=(Down("a"),), lasts=3, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
        verdict=(
            "Prometheus sends an alert again and again as long as it fires; an event comes once, so that a"
            " further one is news. A `cooldown` suppresses it"
        ),
    ),
    Scenario(
        name="a silence ends while the alert fires",
        steps=(
            Step(what="silence of `a`", do=(Silence("a"),)),
            Step(what="`a` down", do=(Down("a"),), lasts=3),
            Step(what="the silence ends", do=(EndSilence(),), alertmanager=_FIRING, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
    ),
    Scenario(
        name="a silence is added while the alert fires",
        steps=(
            Step(what="`a` down", do=(Down("a"),), alertmanager=_FIRING, router=_FIRING),
            Step(what="silence of `a`", do=(Silence("a"),)),
            Step(what="`a` up", do=(Up("a"),), lasts=4, router=_RESOLVED),
            Step(what="the silence ends", do=(EndSilence(),), lasts=4),
        ),
        verdict=(
            "a destination that was told of the alert is told of its end, so that no incident stays open;"
            " Alertmanager drops the end of what is silenced"
        ),
    ),
    Scenario(
        name="a mute time ends while the alert fires",
        muted=(-2, 0),
        steps=(
            Step(what="muted: `a` down", do=(Down("a"),)),
            Step(
                what="the mute time ends",
                do=(Minute(0),),
                lasts=4,
                alertmanager=_FIRING,
                router=_FIRING,
            ),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
    ),
    Scenario(
        name="resolved during a mute time",
        muted=(0, 1),
        steps=(
            Step(what="`a` down", do=(Down("a"),), alertmanager=_FIRING, router=_FIRING),
            Step(what="muted: `a` up", do=(Minute(0), Up("a")), lasts=4, router=_RESOLVED),
            Step(what="the mute time ends", do=(Minute(1),), lasts=4),
        ),
        verdict=(
            "a destination that was told of the alert is told of its end; Alertmanager drops what ends in a"
            " mute time"
        ),
    ),
    Scenario(
        name="an inhibition that comes late",
        wait=3.0,
        inhibits=True,
        steps=(
            Step(what="`a` down", do=(Down("a"),), lasts=0.5),
            Step(
                what="`cause` down, before `a` was told",
                do=(Down("cause"),),
                lasts=6,
                alertmanager=("cause firing",),
                router=("cause firing",),
            ),
            Step(
                what="`cause` up",
                do=(Up("cause"),),
                lasts=5,
                alertmanager=("a firing", "cause resolved"),
                router=("a firing", "cause resolved"),
            ),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
    ),
    Scenario(
        name="a group with members that come and go",
        wait=1.0,
        is_grouped=True,
        steps=(
            Step(
                what="`a` and `b` down",
                do=(Down("a"), Down("b")),
                alertmanager=("a firing + b firing",),
                router=("a firing + b firing",),
            ),
            Step(
                what="`b` up, `c` down",
                do=(Up("b"), Down("c")),
                lasts=4,
                alertmanager=("a firing + b resolved + c firing",),
                router=("b resolved", "c firing"),
            ),
            Step(
                what="`a` and `c` up",
                do=(Up("a"), Up("c")),
                lasts=4,
                alertmanager=("a resolved + c resolved",),
                router=("a resolved", "c resolved"),
            ),
        ),
        verdict=(
            "the router tells of an end at once, and the next message of a group has what is new;"
            " Alertmanager repeats what still fires"
        ),
    ),
    Scenario(
        name="repeated while it fires",
        repeat=4.0,
        keys="remind: 4s",
        steps=(
            Step(what="`a` down", do=(Down("a"),), lasts=1, alertmanager=_FIRING, router=_FIRING),
            Step(what="4 s", do=(), lasts=4, alertmanager=_FIRING, router=_FIRING),
            Step(what="4 s", do=(), lasts=4, alertmanager=_FIRING, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), lasts=6, alertmanager=_RESOLVED, router=_RESOLVED),
        ),
    ),
    Scenario(
        name="flaps and stays down",
        interval=5.0,
        keys="cooldown: {for: 5s, by: [data.host]}",
        steps=(
            Step(what="`a` down", do=(Down("a"),), lasts=1, alertmanager=_FIRING, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), lasts=0.5, router=_RESOLVED),
            Step(what="`a` down within 5 s", do=(Down("a"),), lasts=9, router=_FIRING),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
        verdict=(
            "Alertmanager does not tell of a change that is undone within `group_interval`; the router tells"
            " of the end at once, and when the cooldown ends, that it is down again"
        ),
    ),
    Scenario(
        name="acknowledged",
        repeat=4.0,
        keys="remind: 4s",
        steps=(
            Step(what="`a` down", do=(Down("a"),), lasts=1, alertmanager=_FIRING, router=_FIRING),
            Step(
                what="acknowledged, 8 s",
                do=(Acknowledge("a"),),
                lasts=8,
                alertmanager=_FIRING * 2,
            ),
            Step(what="`a` up", do=(Up("a"),), alertmanager=_RESOLVED, router=_RESOLVED),
        ),
        verdict=(
            "Alertmanager has no acknowledgement; its operators add a silence instead, and do not learn of"
            " the end then"
        ),
    ),
    Scenario(
        name="killed before the group is told",
        wait=3.0,
        is_grouped=True,
        steps=(Step(what="`a` down, `kill -9`", do=(Down("a"), Crash()), lasts=5, router=_FIRING),),
        verdict=(
            "Alertmanager has alerts in memory, and waits for Prometheus to send them again; an event"
            " comes only once, so the router has it on disk before it answers"
        ),
    ),
    Scenario(
        name="killed while the alert fires",
        steps=(
            Step(what="`a` down", do=(Down("a"),), alertmanager=_FIRING, router=_FIRING),
            Step(what="`kill -9`, `a` up", do=(Crash(), Up("a")), lasts=4, router=_RESOLVED),
        ),
        verdict=(
            "Alertmanager writes what it has told to disk every 15 minutes and when it is stopped; after a"
            " kill, it does not tell of the end of what it told before"
        ),
    ),
    Scenario(
        name="killed after a silence was added",
        steps=(
            Step(what="silence of `a`, `kill -9`", do=(Silence("a"), Crash())),
            Step(what="`a` down", do=(Down("a"),), lasts=4, alertmanager=_FIRING),
        ),
        verdict="Alertmanager writes silences to disk every 15 minutes and when it is stopped",
    ),
)

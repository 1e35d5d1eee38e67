"""A rule with the feature ``sample``, everywhere that features are used. Prints JSON.

Run in a process of its own, on a copy of the package that has the feature.
"""

import asyncio
import json
import sys
from typing import Any

from support.clock import SetClock
from support.world import World

from router.configuration.json_schema import json_schema
from router.datatypes import Secret
from router.journal.connection import connect
from router.offline.simulation import Simulation
from router.rules.describe import describe_state

RULES = "rules: [{name: one, events: [a], sample: {one_in: 3, by: [data.k]}, send_to: [noc]}]"


async def main(url: str) -> dict[str, Any]:
    connection = connect(Secret(url), deadline=5.0, max_connections=4)
    world = World(connection, SetClock(), RULES)
    simulation = Simulation(world.configuration.rules, now=world.time.now)
    events = [world.event(str(number), k="x") for number in range(5)]
    await world.send(*events)
    in_redis = [each.alert.event_id for each in await world.told()]
    held = (await world.ledger()).suppressed_alerts
    in_memory = [
        sent.alert.event_id
        for event in events
        for sent in simulation.receive(event, now=world.time.now).sent
    ]
    (rule,) = world.configuration.rules.rules
    await connection.close()
    return {
        "redis": in_redis,
        "suppressed": held,
        "memory": in_memory,
        "explain": list(describe_state(rule, {"data": {"k": "x"}})),
        "schema": json_schema()["$defs"]["SampleText"]["properties"]["one_in"]["minimum"],
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1]))))  # noqa: T201

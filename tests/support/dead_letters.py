"""The dead letters of a destination, as an operator lists them."""

from router.journal.connection import Connection
from router.journal.dead_letters import DeadLetterFilter, DeadLetters
from router.journal.settlements import DeadLetter
from support.clock import SetClock


async def dead_letters(
    connection: Connection, destination: str, *, newest: int
) -> list[DeadLetter]:
    """Return up to ``newest`` dead letters, newest first."""
    find = DeadLetters(connection, SetClock().clock()).find(destination, DeadLetterFilter())
    return list((await find(None, newest)).items)

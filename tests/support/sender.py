"""A sender that signs and retries as Twilio does, and records what was accepted."""

import asyncio

import aiohttp

from router.datatypes import Secret
from router.sources.twilio_signature import body_hash, sign
from support.events import event_from

TOKEN = Secret("auth-token-of-the-test")


class Sender:
    """Sends Twilio's example under many ids. ``accepted`` are the ids that got a 2xx."""

    def __init__(self, sample: bytes, *, seconds: float = 60.0) -> None:
        self._sample = sample
        self._seconds = seconds
        self.accepted: set[str] = set()
        self.refused = 0
        """Responses that were not 2xx, and connections that failed."""

    async def send(self, url: str, ids: list[str], *, at_once: int = 32) -> None:
        """Send one request per id, each until it is accepted."""
        waiting = iter(ids)
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            asyncio.timeout(self._seconds),
            asyncio.TaskGroup() as group,
        ):

            async def one_after_another() -> None:
                for event_id in waiting:
                    await self._send_one(session, url, event_id)

            for _ in range(at_once):
                group.create_task(one_after_another())

    async def _send_one(self, session: aiohttp.ClientSession, url: str, event_id: str) -> None:
        body = b"[" + event_from(self._sample, id=event_id, status="summary_timeout").body + b"]"
        signed = f"{url}/twilio?bodySHA256={body_hash(body)}"
        headers = {
            "Content-Type": "application/json",
            "X-Twilio-Signature": sign(signed, TOKEN),
        }
        while True:
            try:
                async with session.post(signed, data=body, headers=headers) as response:
                    if response.status == 202:
                        self.accepted.add(event_id)
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            self.refused += 1
            await asyncio.sleep(0.05)

"""The ceiling: an aiohttp handler that reads the body and answers, nothing else.

``python -m bench.peers.bare PORT``
"""

import sys

import uvloop
from aiohttp import web


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, body=b'{"accepted":1}', content_type="application/json")


def main() -> None:
    application = web.Application()
    application.router.add_post("/twilio", _take)
    uvloop.install()
    web.run_app(
        application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=lambda *_: None
    )


if __name__ == "__main__":
    main()

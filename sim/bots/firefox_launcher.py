"""What Playwright starts as its Firefox: the stock one, and a go-between for its WebDriver BiDi.

Playwright sends at start a command which extended-support releases do not know yet. And a Firefox in another network
namespace is out of Playwright's reach, but for a socket that was opened before the namespace was entered.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

UNKNOWN = "emulation.setMediaFeaturesOverride"
"""Colour scheme of a context; Firefox takes it from a preference here."""

SAID = "WebDriver BiDi listening on {}"
"""How Firefox says where it is reached, and where Playwright looks for it: a line on standard error."""

_LISTENS = re.compile(SAID.format(r"(ws://127\.0\.0\.1:\d+)").encode())

_MESSAGE_BYTES = 64 * 1024 * 1024
"""A screenshot of a large page in base64 is a few megabytes."""


class Between:
    """Playwright's connection, passed on to Firefox but for the command that it does not know."""

    def __init__(self, browser: str) -> None:
        self._browser = browser

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Until either side closes."""
        playwright = web.WebSocketResponse(max_msg_size=_MESSAGE_BYTES)
        await playwright.prepare(request)
        async with (ClientSession() as session,
                    session.ws_connect(self._browser + request.path, max_msg_size=_MESSAGE_BYTES) as browser,
                    asyncio.TaskGroup() as group):
            back = group.create_task(_back(browser, playwright))
            async for message in playwright:
                if message.type is WSMsgType.TEXT:
                    await _forth(message.data, browser, playwright)
            back.cancel()
        return playwright


async def _forth(text: str, browser: ClientWebSocketResponse, playwright: web.WebSocketResponse) -> None:
    if UNKNOWN in text:
        command: dict[str, Any] = json.loads(text)
        if command["method"] == UNKNOWN:
            await playwright.send_json({"type": "success", "id": command["id"], "result": {}})
            return
    await browser.send_str(text)


async def _back(browser: ClientWebSocketResponse, playwright: web.WebSocketResponse) -> None:
    async for message in browser:
        if message.type is WSMsgType.TEXT:
            await playwright.send_str(message.data)
    await playwright.close()


async def stand_between(listening: socket.socket, command: list[str]) -> int:
    """Start Firefox and serve Playwright until it ends; its exit status."""
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    runner: web.AppRunner | None = None
    async for line in process.stderr:
        found = _LISTENS.search(line)
        if found is None or runner is not None:
            # Playwright no longer reads once it is connected.
            with contextlib.suppress(BrokenPipeError):
                os.write(sys.stderr.fileno(), line)
            continue
        application = web.Application()
        application.router.add_get("/{path:.*}", Between(found[1].decode()).serve)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        port = listening.getsockname()[1]
        print(SAID.format(f"ws://127.0.0.1:{port}"), file=sys.stderr, flush=True)
    status = await process.wait()
    if runner is not None:
        await runner.cleanup()
    return status


def main(descriptor: str, *command: str) -> int:
    """`new ENTER… -- COMMAND…`: open the socket, then start over behind ENTER; `DESCRIPTOR COMMAND…`: serve on it."""
    if descriptor != "new":
        return asyncio.run(stand_between(socket.socket(fileno=int(descriptor)), list(command)))
    at = command.index("--")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        again = [*command[:at], sys.executable, "-m", "sim.bots.firefox_launcher", str(listening.fileno()),
                 *command[at + 1:]]
        os.execvp(again[0], again)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

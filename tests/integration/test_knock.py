"""A port that is closed, then open, on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway import knock


async def test_knocking_ends_when_the_port_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused while nobody listens; returns once somebody does, and leaves no task behind."""
    monkeypatch.setattr(knock, "KNOCK_SECONDS", 0.01)
    with socket.socket() as door:
        # Bound and not listened on: refused, and nobody else's.
        door.bind(("127.0.0.1", 0))
        knocking = asyncio.create_task(knock.until_reached("127.0.0.1", door.getsockname()[1]))
        done, _ = await asyncio.wait((knocking,), timeout=0.1)
        assert not done
        async with await asyncio.start_server(lambda _, writer: writer.close(), sock=door), asyncio.timeout(40):
            await knocking
    assert len(asyncio.all_tasks()) <= 2


async def test_a_try_that_hangs_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection has its own timer: the one after a lost packet gets through."""
    monkeypatch.setattr(knock, "KNOCK_SECONDS", 0.01)
    tried = 0

    async def slow(host: str, port: int, way: str) -> bool:
        nonlocal tried
        tried += 1
        if tried < 5:
            await asyncio.Event().wait()
        return True

    monkeypatch.setattr(knock, "knock", slow)
    async with asyncio.timeout(40):
        await knock.until_reached("192.0.2.1", 1)
    assert tried == 5

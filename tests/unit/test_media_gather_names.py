"""Addresses of STUN and TURN servers when the name server is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.media import gather


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """What the system's resolver says next: an address, an error (empty), or nothing at all (None)."""
    said: list[str | None] = []

    async def getaddrinfo(self: Any, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        answer = said.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if not answer:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server")
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", (answer, port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(gather, "NAME_SECONDS", 0.01)
    monkeypatch.setattr(gather, "_addresses", {})
    yield said
    assert not said


async def turn(host: str = "turn.example") -> str:
    where = await gather._resolve(host, 3478, 4, socket.SOCK_DGRAM)
    assert where[1] == 3478
    return str(where[0])


async def test_a_servers_last_address_serves_while_no_name_server_answers(answers: list[str | None]) -> None:
    """It hangs, then it refuses: the call's relay is still reached; an answer of now is taken again."""
    answers += ["192.0.2.1", None, "", "192.0.2.2", None]
    assert [await turn() for _ in range(5)] == ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"]


async def test_a_name_that_was_never_answered_is_an_error(answers: list[str | None]) -> None:
    """Nothing is invented."""
    answers.append("")
    with pytest.raises(OSError, match="no name server"):
        await turn()


async def test_no_more_names_are_kept_than_there_can_be_servers(answers: list[str | None]) -> None:
    """A relay that names others each minute fills no memory."""
    answers += ["192.0.2.1"] * 40
    for number in range(40):
        await turn(f"turn{number}.example")
    assert len(gather._addresses) == gather.NAMES_MAX

"""The relay's addresses when the name server is slow, wrong or gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway import names
from gateway.names import Names

HOST = "relay.example"


class Server:
    """Answers what it is told to; `None` hangs, an empty answer is an error."""

    def __init__(self, *answers: tuple[str, ...] | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.came = asyncio.Event()

    async def __call__(self, host: str) -> tuple[str, ...]:
        assert host == HOST
        self.asked += 1
        self.came.set()
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if not answer:
            raise OSError("no such name")
        return answer or ()


@asynccontextmanager
async def running(made: Names) -> AsyncIterator[Names]:
    task = asyncio.ensure_future(made.run())
    try:
        async with asyncio.timeout(40):
            yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def addresses(made: Names) -> list[str]:
    return [found["host"] for found in await made.resolve(HOST, 443)]


async def test_a_name_that_was_answered_waits_for_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time the known address is given at once, and the answer of now serves the third."""
    monkeypatch.setattr(names, "ANSWER_SECONDS", 10.0)
    server = Server(("192.0.2.1",), ("192.0.2.2", "2001:db8::2"), None)
    async with running(Names(ask=server)) as made:
        assert await addresses(made) == ["192.0.2.1"]
        server.came.clear()
        assert await addresses(made) == ["192.0.2.1"]
        await server.came.wait()
        assert await addresses(made) == ["192.0.2.2", "2001:db8::2"]
        assert made.known(HOST) == "192.0.2.2"


async def test_a_dead_server_is_asked_one_question_at_a_time() -> None:
    """However often an address is wanted: each question that hangs holds a thread."""
    server = Server(("192.0.2.1",), None)
    async with running(Names(ask=server)) as made:
        for _ in range(5):
            await addresses(made)
            await asyncio.sleep(0)
        assert server.asked <= 2


async def test_the_address_of_last_time_serves_a_start_without_a_server(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept when the relay was reached there; used when the server hangs, and when it refuses."""
    monkeypatch.setattr(names, "ANSWER_SECONDS", 0.01)
    file = tmp_path / "address.json"
    await Names(file).connected(HOST, "192.0.2.7")
    for answer in (None, ()):
        async with running(Names(file, Server(answer))) as made:
            assert await addresses(made) == ["192.0.2.7"]


@pytest.mark.parametrize("kept", [b"", b"{", b'{"host": "other.example", "addresses": ["192.0.2.9"]}', b'["x"]'])
async def test_a_file_that_says_nothing_of_this_name_is_no_address(tmp_path: Path, kept: bytes) -> None:
    """Cut, of another relay, or not there: the server's refusal is what the caller gets."""
    file = tmp_path / "address.json"
    file.write_bytes(kept)
    async with running(Names(file, Server(()))) as made:
        with pytest.raises(OSError, match="no such name"):
            await addresses(made)


async def test_a_slow_answer_is_waited_for_when_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start of a vehicle has no other way."""
    monkeypatch.setattr(names, "ANSWER_SECONDS", 0.0)
    async with running(Names(ask=Server(("192.0.2.1",)))) as made:
        assert await addresses(made) == ["192.0.2.1"]


async def test_an_address_in_the_place_of_a_name_is_known_and_not_kept(tmp_path: Path) -> None:
    """Nothing is asked of anybody for it."""
    file = tmp_path / "address.json"
    made = Names(file)
    await made.connected("192.0.2.3", "192.0.2.3")
    assert made.known("192.0.2.3") == "192.0.2.3"
    assert made.known(HOST) is None
    assert not file.exists()

"""The limit on every call of the radio: it holds even against a clean-up that never ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from gateway.peripherals.drivers import radio_link
from gateway.peripherals.drivers.radio_link import full_uuid, within


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radio_link, "LET_GO_S", 0.01)


async def test_what_is_in_time_gives_its_result_or_its_own_error() -> None:
    """Nothing is wrapped."""
    async def fails() -> None:
        raise ConnectionError

    assert await within(5.0, asyncio.sleep(0, "done")) == "done"
    with pytest.raises(ConnectionError):
        await within(5.0, fails())


async def test_a_clean_up_that_waits_for_ever_is_cancelled_too() -> None:
    """As bleak's, which asks a dead service to disconnect: over at the limit and a moment."""
    stages: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stages.append("cleaning")
            try:
                await asyncio.Event().wait()
            finally:
                stages.append("cut off")

    async with asyncio.timeout(40):
        with pytest.raises(TimeoutError):
            await within(0.01, stubborn())
    assert stages == ["cleaning", "cut off"]


async def test_who_waits_may_be_cancelled_and_leaves_nothing_running() -> None:
    """The operation ends before the cancellation goes on."""
    ended = asyncio.Event()
    begun = asyncio.Event()

    async def operation() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.ensure_future(within(60.0, operation()))
    await begun.wait()
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    assert waiting.cancelled()
    assert ended.is_set()


def test_a_number_and_a_makers_own_name_are_both_characteristics() -> None:
    """Core specification, Vol 3, Part B, 2.5.1; a string is taken in any case."""
    assert full_uuid(0x2A35) == "00002a35-0000-1000-8000-00805f9b34fb"
    assert full_uuid("FB005C81-02E7-F387-1CAD-8ACD2D8DF0C8") == "fb005c81-02e7-f387-1cad-8acd2d8df0c8"

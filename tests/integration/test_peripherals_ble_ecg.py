"""ECG over radio: a Polar H10 and a Viatom ER1 as simulated, every sample of theirs in the chunks."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import BlockBuster

from gateway.peripherals.errors import InstrumentFailed
from protocol.channels import InstrumentState
from tests.integration.ble_rig import Ward, ward

LOST = -(2**31)


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """The suite fails when our code blocks the loop."""
    guard = BlockBuster("gateway")
    guard.activate()
    yield
    guard.deactivate()


@pytest.fixture
async def room() -> AsyncIterator[Ward]:
    async with ward("polar", "er1") as made:
        yield made


def state(gateway: object) -> InstrumentState:
    return gateway.instruments()[0].state  # type: ignore[attr-defined, no-any-return]


def stands_in(part: list[int], whole: list[int]) -> bool:
    """Whether `part` is a run of `whole`."""
    return any(whole[at:at + len(part)] == part for at in range(len(whole) - len(part) + 1))


async def test_a_belt_streams_what_its_electrodes_measured(room: Ward) -> None:
    """Worn it is ready and shows a rate; started it streams its own samples in order; stopped it is ready again."""
    async with room.gateway(room.config("polar")) as gateway:
        with pytest.raises(InstrumentFailed, match=r"radio\.not_connected"):
            await gateway.start_waveform("polar", 7)
        room.press("polar", "wear", rate=66)
        await room.sink.until(lambda: state(gateway) is InstrumentState.ready and gateway.instruments()[0].live)
        waveform = await gateway.start_waveform("polar", 7)
        assert (int(waveform.rate_hz), waveform.unit, waveform.leads) == (130, "uV", (131329,))
        assert waveform.device.kind.value == "ecg"
        await room.sink.until(lambda: len(room.sink.chunks) >= 25)
        assert state(gateway) is InstrumentState.measuring
        await gateway.stop_waveform("polar")
        assert [c.number for c in room.sink.chunks] == list(range(room.sink.ends[0].chunks))
        assert stands_in(room.sink.samples, [round(s) for s in room.things["polar"].sent])  # type: ignore[attr-defined]
        assert LOST not in room.sink.samples
        assert state(gateway) is InstrumentState.ready
        assert not room.sink.readings


async def test_a_stream_survives_a_walk_out_of_reach(room: Ward) -> None:
    """The link falls within a stream: the hole is written as samples without a value, then it goes on by itself."""
    async with room.gateway(room.config("polar")) as gateway:
        room.press("polar", "wear", rate=66)
        await room.sink.until(lambda: state(gateway) is InstrumentState.ready)
        await gateway.start_waveform("polar", 1)
        await room.sink.until(lambda: len(room.sink.chunks) >= 10)
        room.press("polar", "out_of_range")
        await room.sink.until(lambda: gateway.instruments()[0].problem == "radio.link_lost")
        assert state(gateway) is InstrumentState.measuring
        before = len(room.sink.samples)
        room.press("polar", "in_range")
        await room.sink.until(lambda: len(room.sink.samples) > before + 260)
        await gateway.stop_waveform("polar")
        after = room.sink.samples[before:]
        hole = sum(sample == LOST for sample in after)
        assert hole > 0
        assert LOST not in after[hole + 13:]
        times = [(c.first_at, len(c.samples)) for c in room.sink.chunks]
        assert all(abs(b[0] - a[0] - a[1] / 130) < 0.01 for a, b in itertools.pairwise(times))


async def test_a_recorder_is_asked_once_a_second_and_nothing_is_lost(room: Ward) -> None:
    """Framed answers over several notifications: rate and battery beside the samples, no sample missing."""
    async with room.gateway(room.config("er1")) as gateway:
        room.press("er1", "battery", percent=64)
        room.press("er1", "touch")
        await room.sink.until(lambda: state(gateway) is InstrumentState.ready and gateway.instruments()[0].live)
        await gateway.start_waveform("er1", 3)
        await room.sink.until(lambda: len(room.sink.samples) >= 250)
        await gateway.stop_waveform("er1")
        assert gateway.instruments()[0].battery == 64
        assert stands_in(room.sink.samples, list(room.things["er1"].sent))  # type: ignore[attr-defined]
        assert room.sink.ends[0].reason == "waveform.stopped"


async def test_a_stream_whose_instrument_stays_away_ends(room: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """After half a minute out of reach it has ended, with its reason, and the instrument is asleep."""
    monkeypatch.setattr("gateway.peripherals.drivers.ble_ecg.RECONNECT_S", 1.0)
    async with room.gateway(room.config("polar")) as gateway:
        room.press("polar", "wear", rate=66)
        await room.sink.until(lambda: state(gateway) is InstrumentState.ready)
        await gateway.start_waveform("polar", 1)
        await room.sink.until(lambda: len(room.sink.chunks) >= 6)
        room.press("polar", "out_of_range")
        await room.sink.until(lambda: room.sink.ends)
        assert (room.sink.ends[0].reason, room.sink.ends[0].chunks) == ("radio.link_lost", len(room.sink.chunks))
        await room.sink.until(lambda: state(gateway) is InstrumentState.asleep)

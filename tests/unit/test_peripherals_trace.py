"""Bursts of samples into chunks."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.trace import DRIFT_S, LONGEST_GAP_S, Trace
from protocol.readings import Chunk, Device, InstrumentKind, Waveform

LOST = -(2**31)
RATE = 130


def trace() -> Trace:
    device = Device(device_id="ble:1", kind=InstrumentKind.ecg)
    return Trace(Waveform(stream_id=5, device=device, started_at=datetime.now(UTC), rate_hz=Decimal(RATE),
                          scale=Decimal(1), unit="uV", leads=(131329,)))


def samples(chunks: list[Chunk]) -> list[int]:
    return [sample for chunk in chunks for sample in chunk.samples]


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-20_000, 20_000)), min_size=1, max_size=200), max_size=20))
def test_no_sample_is_lost_or_moved(bursts: list[list[int | None]]) -> None:
    """Whatever the bursts: all samples, in order, numbered from 0, without a value where there was none."""
    made, stream, at = [], trace(), 1000.0
    for burst in bursts:
        at += len(burst) / RATE
        made += stream.add(burst, at)
    made += stream.flush()
    assert samples(made) == [LOST if s is None else s for burst in bursts for s in burst]
    assert [chunk.number for chunk in made] == list(range(stream.chunks))
    assert all(len(chunk.samples) == 13 for chunk in made[:-1])


def test_the_last_sample_of_a_burst_is_now_and_the_chunks_follow_each_other() -> None:
    """A frame of 73 samples that comes at 1000 s began 72 samples before."""
    stream = trace()
    made = stream.add(list(range(73)), 1000.0)
    assert abs(made[0].first_at - (1000.0 - 72 / RATE)) < 1e-6
    assert all(abs(b.first_at - a.first_at - 13 / RATE) < 1e-6 for a, b in itertools.pairwise(made))


def test_a_late_burst_moves_nothing_and_a_clock_that_ran_away_does() -> None:
    """A radio delivers late and catches up; two seconds are no lateness."""
    stream = trace()
    first = stream.add([0] * 13, 1000.0)
    late = stream.add([0] * 13, 1000.1 + DRIFT_S * 0.9)
    assert abs(late[0].first_at - first[0].first_at - 0.1) < 1e-6
    away = stream.add([0] * 13, 1000.2 + DRIFT_S * 1.5)
    assert away[0].first_at - first[0].first_at > DRIFT_S


def test_a_hole_is_written_out_and_bounded() -> None:
    """Lost samples are samples without a value; before the first one nothing was lost."""
    stream = trace()
    assert stream.lost(50) == []
    stream.add([1] * 13, 1000.0)
    assert samples(stream.lost(26)) == [LOST] * 26
    assert len(samples(stream.lost(10**9))) == LONGEST_GAP_S * RATE
    assert stream.lost(-5) == []


def test_an_electrode_that_is_off_is_named() -> None:
    """Two flat seconds."""
    stream = trace()
    stream.add([0] * (2 * RATE), 1000.0)
    assert stream.problem == "ecg.lead_off"

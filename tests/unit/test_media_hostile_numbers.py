"""Numbers of a peer's that leap, wrap or stand still: measures go on, and what is kept of them is bounded."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from aiortc.rtp import RtcpReceiverInfo, RtpPacket
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.congestion.controller import Controller
from gateway.media.congestion.decision import Decision, Limits
from gateway.media.congestion.measures import CLOCK_SECONDS, PACKETS_MAX, Arrivals, QueueDelay, ReceiverClock
from gateway.media.events import MediaRefused
from gateway.media.gate import REPORT_OCTETS, weight
from gateway.media.receiving import JITTER_MAX, _Statistics
from gateway.media.sdp import check_answer
from gateway.media.sending import RETRANSMIT_AGAIN_SECONDS, ROUND_TRIP_MAX, PacketSender
from gateway.media.strangers import Allowance
from tests.unit.test_media_descriptions import ANSWER, KINDS

TICK, REFERENCE, WRAP = 250e-6, 0.064, 2**24 * 0.064


def report(arrivals: list[tuple[int, float]]) -> bytes:
    """Feedback about packets that all arrived, by a clock that wraps after 24 bits."""
    first = int(arrivals[0][1] / REFERENCE)
    out = struct.pack("!HH", arrivals[0][0], len(arrivals)) + (first % 2**24).to_bytes(3, "big") + b"\0"
    out += struct.pack("!H", 2 << 13 | len(arrivals))
    last = first * REFERENCE
    for _, arrived in arrivals:
        ticks = round((arrived - last) / TICK)
        last += ticks * TICK
        out += struct.pack("!h", ticks)
    return out


def drive(clock: float) -> list[Decision]:
    """Twenty seconds at 400 kbit/s, reported each 0.1 s; in the last two a queue grows by half a second each second.
    `clock`: what the receiver's shows at the start."""
    controller, decisions, now = Controller(Limits(30_000, 400_000, 400_000)), [], 0.0
    for step in range(200):
        arrivals = []
        for part in range(5):
            now = step * 0.1 + part * 0.02
            queue = max(0.0, now - 18) / 2
            arrivals.append((controller.sent(1000, now), clock + now + 0.03 + queue))
        controller.tick(now)
        decisions.append(controller.feedback(report(arrivals), now + 0.08))
    return decisions


def test_a_queue_is_seen_after_the_receivers_clock_wrapped() -> None:
    """A browser's clock, which counts from the start of its machine, wraps each twelve days: the rate is what it would
    be without, and a queue that grows afterwards is answered."""
    straight, wrapped = drive(1000.0), drive(WRAP / 2 - 10.0)
    assert straight[-1].queue > 0.1
    assert wrapped[-1].queue == pytest.approx(straight[-1].queue, abs=0.011)
    assert wrapped[-1].rate == pytest.approx(straight[-1].rate, rel=0.05)
    assert wrapped[170].rate == pytest.approx(straight[170].rate, rel=0.05)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=30), st.booleans())
def test_what_is_kept_of_arrivals_is_bounded(leaps: list[float], stands: bool) -> None:
    """Clocks that stand, run backwards, leap each packet."""
    queue, arrivals, clock = QueueDelay(), Arrivals(), ReceiverClock()
    for turn in range(2 * PACKETS_MAX):
        said = leaps[turn % len(leaps)] if not stands else leaps[0] - turn % 2
        arrived = clock.read(turn * 0.003, said)
        queue.add(turn * 0.003, arrived)
        arrivals.add(turn * 0.003, arrived, 1000)
        assert abs(arrived - turn * 0.003) <= abs(leaps[0]) + 3 * CLOCK_SECONDS * PACKETS_MAX
    assert len(queue._recent) <= PACKETS_MAX
    assert len(arrivals._packets) <= PACKETS_MAX
    assert arrivals._octets == 1000 * len(arrivals._packets)
    assert 0 <= arrivals.rate() < float("inf")


def test_jitter_fits_its_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our clock is set by a year in a call: the report can be written, and the task that writes it goes on."""
    times = iter([1.7e9, 1.7e9 + 0.02, 1.7e9 + 3e7, 1.7e9 + 3e7 + 0.02])
    monkeypatch.setattr("aiortc.rtcrtpreceiver.time", type("Clock", (), {"time": staticmethod(lambda: next(times))}))
    statistics = _Statistics(48_000)
    for number in range(4):
        statistics.add(RtpPacket(sequence_number=number, timestamp=960 * number))
    assert statistics.jitter == JITTER_MAX
    assert len(bytes(RtcpReceiverInfo(1, 0, 0, 3, statistics.jitter, 0, 0))) == 24


@pytest.mark.parametrize(("measured", "used"), [
    (None, RETRANSMIT_AGAIN_SECONDS), (-60_000.0, RETRANSMIT_AGAIN_SECONDS), (0.25, 0.25), (3e7, ROUND_TRIP_MAX),
])
def test_a_round_trip_is_one(measured: float | None, used: float) -> None:
    """A receiver that says it kept a report for eighteen hours, and a clock that was set: lost packets go again."""
    sender: Any = PacketSender.__new__(PacketSender)
    sender._RTCRtpSender__rtt = measured
    assert sender._round_trip() == used


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=20), st.binary(max_size=60))
def test_reports_are_counted_whatever_their_lengths_say(bodies: list[bytes], tail: bytes) -> None:
    """Sound ones are all counted; what follows, whatever it says, ends the count and never lowers it."""
    sound = b"".join(struct.pack("!BBH", 0x80, 207, len(body) // 4) + body[:len(body) // 4 * 4] for body in bodies)
    assert weight(sound) == len(bodies) + len(sound) // REPORT_OCTETS
    assert weight(sound) <= weight(sound + tail) <= weight(sound) + 1 + len(tail) // 4 + len(tail) // REPORT_OCTETS


def test_an_allowance_of_many_is_all_or_nothing() -> None:
    """What does not fit takes nothing away from what does."""
    allowance = Allowance(10, 10, 0.0)
    assert allowance.take(0.0, 8)
    assert not allowance.take(0.0, 3)
    assert allowance.take(0.0, 2)
    assert not allowance.take(0.05)
    assert allowance.take(0.1)


@pytest.mark.parametrize("line", [
    "a=rtpmap:128 VP8/90000", "a=rtpmap:300 H264/90000", "a=fmtp:-1 apt=97", "a=extmap:0 urn:x", "a=extmap:256 urn:x",
    "a=extmap:1000000000000 urn:x", "a=extmap:256/sendonly urn:x", "a=extmap:x", "a=rtpmap:",
])
def test_an_answer_with_numbers_no_packet_bears_is_refused(line: str) -> None:
    """They were taken, and each packet that was to bear them ended the peer."""
    with pytest.raises(MediaRefused) as refused:
        check_answer(ANSWER + line + "\r\n", KINDS)
    assert refused.value.code == "media.sdp_bad"


@pytest.mark.parametrize("line", ["a=extmap-allow-mixed", "a=extmap:14/recvonly urn:x", "a=rtpmap:127 x/90000"])
def test_numbers_a_packet_bears_are_taken(line: str) -> None:
    """The ends of the ranges, and a line that only begins alike."""
    assert line in check_answer(ANSWER + line + "\r\n", KINDS)

"""Data channels on a thin path: what travels together, what waits, and how often lost data go again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc.rtcsctptransport import DataChunk, ForwardTsnChunk, InitChunk, RTCSctpTransport, SackChunk, parse_packet

from gateway.media import sctp
from gateway.media.sctp import GatewaySctp


class Wire:
    """A DTLS transport whose packets can be looked at."""

    state = "connected"

    def __init__(self) -> None:
        self.sent: list[list[Any]] = []
        self.left = asyncio.Event()

    async def _send_data(self, data: bytes) -> None:
        self.sent.append(list(parse_packet(data)[3]))
        self.left.set()

    @property
    def names(self) -> list[list[str]]:
        """The kinds of chunks, packet by packet."""
        return [[type(chunk).__name__.removesuffix("Chunk") for chunk in chunks] for chunks in self.sent]


def association(thin: bool = False) -> tuple[GatewaySctp, Wire]:
    """One that stands."""
    wire = Wire()
    made = GatewaySctp(wire)  # type: ignore[arg-type]
    made.thin = lambda: thin
    made._remote_port = 5000
    made._last_received_tsn = 0
    made._association_state = RTCSctpTransport.State.ESTABLISHED
    return made, wire


def piece(octets: int, *, ordered: bool) -> DataChunk:
    """A chunk of a reliable or of a live channel."""
    chunk = DataChunk(flags=3 if ordered else 7)
    chunk.user_data = bytes(octets)
    return chunk


async def test_what_is_said_at_once_goes_in_one_packet() -> None:
    """Three small messages and the acknowledgement make one packet, the acknowledgement first; none is too large."""
    made, wire = association()
    made._inside = 1
    for octets in (100, 200, 300):
        await made._send_chunk(piece(octets, ordered=True))
    await made._send_sack()
    assert wire.sent == []
    made._inside = 0
    await made.settle()
    assert wire.names == [["Sack", "Data", "Data", "Data"]]
    made._inside = 1
    for _ in range(3):
        await made._send_chunk(piece(600, ordered=True))
    made._inside = 0
    await made.settle()
    assert wire.names[1:] == [["Data"], ["Data"], ["Data"]]


async def test_on_a_thin_path_a_waveform_waits_for_company_and_a_reading_does_not() -> None:
    """Tenths of a second of ECG and an acknowledgement wait; the third one, or a reading, takes them along."""
    made, wire = association(thin=True)
    await made._send_chunk(piece(160, ordered=False))
    await made._send_sack()
    await made._send_chunk(piece(160, ordered=False))
    assert wire.sent == []
    await made._send_chunk(piece(160, ordered=False))
    assert wire.names == [["Sack", "Data", "Data", "Data"]]
    await made._send_chunk(piece(160, ordered=False))
    await made._send_chunk(piece(600, ordered=True))
    assert wire.names[1:] == [["Data", "Data"]]


async def test_what_waits_for_company_leaves_alone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is held for ever, and newer acknowledgements replace older ones."""
    monkeypatch.setattr(sctp, "HOLD_SECONDS", 0.0)
    made, wire = association(thin=True)
    await made._send_sack()
    await made._send_chunk(ForwardTsnChunk())
    made._last_received_tsn = 5
    await made._send_sack()
    await wire.left.wait()
    assert [chunk.cumulative_tsn for chunk in wire.sent[0] if isinstance(chunk, SackChunk)] == [5]
    assert wire.names == [["ForwardTsn", "Sack"]]


async def test_on_a_wide_path_nothing_waits() -> None:
    """Where headers do not weigh, each message leaves as it comes."""
    made, wire = association()
    await made._send_chunk(piece(160, ordered=False))
    await made._send_sack()
    assert wire.names == [["Data"], ["Sack"]]


async def test_setting_up_travels_alone() -> None:
    """INIT may not be bundled (RFC 9260, section 6.10)."""
    made, wire = association(thin=True)
    await made._send_chunk(piece(160, ordered=False))
    await made._send_chunk(InitChunk())
    assert wire.names == [["Data"], ["Init"]]


async def test_data_sent_again_are_sent_less_and_less_often() -> None:
    """Each vain wait doubles the next (RFC 9260, section 6.3.3), up to two seconds; one that includes the time a
    receiver may keep its acknowledgement is the least."""
    made, _ = association()
    made._update_rto(0.3)
    assert made._rto >= 0.3 + sctp.ACKNOWLEDGED_LATE_SECONDS
    waits = []
    for _ in range(5):
        made._t3_expired()
        waits.append(made._rto)
    assert waits == sorted(waits)
    assert waits[-1] == sctp.RTO_MAX


async def test_nothing_is_sent_again_into_a_silence() -> None:
    """While the path is silent the timer only waits, and tries soon after."""
    made, wire = association()
    chunk = piece(600, ordered=True)
    chunk._abandoned = chunk._retransmit = chunk._acked = False
    chunk._in_flight, chunk._max_retransmits, chunk._expiry = True, None, None
    chunk._sent_count, chunk._book_size, chunk._misses = 1, 600, 0
    made._sent_queue.append(chunk)
    silent = True
    made.silent = lambda: silent
    made._t3_expired()
    assert (chunk._retransmit, wire.sent) == (False, [])
    assert made._t3_handle is not None
    made._t3_handle.cancel()
    silent = False
    made._t3_expired()
    await wire.left.wait()
    assert wire.names == [["Data"]]
    made._t3_cancel()


async def test_data_wait_for_room_on_the_path_and_go_one_packet_after_the_other() -> None:
    """With room for one message the second waits; with none an acknowledged window changes nothing; it leaves by
    itself when there is room, and the association's own window is as before."""
    made, wire = association()
    window, room = made._cwnd, 100
    made.room = lambda: room
    for _ in range(2):
        chunk = piece(600, ordered=True)
        chunk._abandoned = chunk._retransmit = chunk._acked = chunk._in_flight = False
        chunk._max_retransmits, chunk._expiry = None, None
        chunk._sent_count, chunk._book_size, chunk._misses = 0, 600, 0
        made._outbound_queue.append(chunk)
    await made._transmit()
    assert wire.names == [["Data"]]
    room = 0
    await made._transmit()
    assert (wire.names, made._cwnd) == ([["Data"]], window)
    wire.left.clear()
    room = 700
    await wire.left.wait()
    assert (wire.names, made._cwnd) == ([["Data"], ["Data"]], window)
    made._t3_cancel()

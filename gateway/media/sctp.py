"""Data channels on a thin path: SCTP of the library with the timers of RFC 9260 and several chunks in a packet.

Private hooks of aiortc 1.16 (docs/adr/media-hooks.md), tested in `tests/contract/test_media_hooks.py`. The library's
timer never backs off: once a queue is longer than it, everything is sent again at its pace (measured: 150 kbit/s of
copies on a link of 80). And each chunk travels alone, in 77 octets of headers. What a peer sends that no browser
would is refused by the rules of `chunks`; the association and the call go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiortc.rtcsctptransport
import structlog
from aiortc import RTCDataChannel
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import (
    SCTP_DATA_UNORDERED,
    BaseInitChunk,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    ReconfigChunk,
    RTCSctpTransport,
    SackChunk,
    StreamAddOutgoingParam,
    StreamResetOutgoingParam,
    StreamResetResponseParam,
    serialize_packet,
)

from . import chunks as rules
from .congestion.channels import UNLIMITED
from .strangers import Allowance

RTO_INITIAL, RTO_MIN, RTO_MAX = 0.5, 0.2, 2.0
"""Seconds. The library's 3 and 1 make the channels open 7.6 s late (p90) at 10 % loss instead of 3.1 s; a cellular
round trip is 50-150 ms. A reading that waits longer than the last after an outage is late twice."""

ACKNOWLEDGED_LATE_SECONDS = 0.25
"""A receiver may keep an acknowledgement for 0.2 s (RFC 9260, 6.2): over the round trip that is no loss yet."""

HOLD_SECONDS = 0.2
"""On a thin path acknowledgements (RFC 9260, 6.2: no longer) and a tenth of a second of waveform wait so long for
company."""

COMPANY = 3
"""Pieces of a waveform that go together, where no reading takes them along: one more would be 0.3 s old."""

BUNDLE_OCTETS = 1150
"""Chunks of one packet: as large as those of the picture (h264.PAYLOAD_BYTES)."""

ROOM_SECONDS = 0.02
"""How often it is asked again whether data may leave: a frame of sound."""

SILENT_SECONDS = 0.1
"""How soon after the end of a silence what was lost in it goes again."""

_log = structlog.get_logger()

aiortc.rtcsctptransport.SCTP_RTO_INITIAL = RTO_INITIAL
aiortc.rtcsctptransport.SCTP_RTO_MIN = RTO_MIN  # type: ignore[assignment]


class GatewaySctp(RTCSctpTransport):
    """The association of one peer connection. `thin` and `silent` tell of its path: whether each octet counts, and
    whether nothing passes at all."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        super().__init__(transport)
        self.thin: Callable[[], bool] = lambda: False
        self.silent: Callable[[], bool] = lambda: False
        self.room: Callable[[], int] = lambda: UNLIMITED
        """Octets of data that may leave now."""
        self._turn: asyncio.TimerHandle | None = None
        self._taking: asyncio.Task[None] | None = None
        """Held: the loop itself keeps no task alive."""
        self._pending: list[Chunk] = []
        self._inside = 0
        self._held: asyncio.TimerHandle | None = None
        self._requests = Allowance(rules.REQUESTS_A_SECOND, rules.REQUESTS_A_SECOND, time.monotonic())
        self._served = 0
        self._acknowledgements = 0
        self._refused: set[str] = set()

    async def _handle_data(self, data: bytes) -> None:
        if not rules.well_formed(data):
            self._refuse("length")
            return
        self._acknowledgements = 0
        async with _Bundle(self):
            await super()._handle_data(data)

    async def _receive_chunk(self, chunk: Chunk) -> None:
        self._served += 1
        if self._served % rules.TURN_CHUNKS == 0:
            await asyncio.sleep(0)
        if self.state == "closed":
            return
        if isinstance(chunk, SackChunk):
            self._acknowledgements += 1
            # A second one in a packet only counts losses faster than they can happen.
            if self._acknowledgements > 1 or not self._credible(chunk):
                return self._refuse("acknowledgement")
        elif isinstance(chunk, DataChunk | ForwardTsnChunk):
            if self._last_received_tsn is None:
                return self._refuse("early")
        elif not self._requests.take(time.monotonic()):
            return self._refuse("requests")
        elif isinstance(chunk, BaseInitChunk) and not self._may_begin(chunk):
            return self._refuse("init")
        elif isinstance(chunk, ReconfigChunk):
            # One or two (RFC 6525, section 3.1); each is answered by a packet of its own.
            chunk.params = chunk.params[:2]
        await super()._receive_chunk(chunk)

    def _credible(self, sack: SackChunk) -> bool:
        """Whether it speaks of what was sent; gaps that can't be are taken out. Copies on their way count no loss."""
        sent = rules.distance(self._local_tsn, sack.cumulative_tsn) - 1
        if sent < 0:
            return False
        waiting = len(self._sent_queue)
        sack.gaps = rules.honest_gaps(sack.gaps, min(sent, waiting + rules.AHEAD_MAX))
        round_trip = self._srtt if self._srtt is not None else self._rto
        now = time.monotonic()
        for chunk in self._sent_queue:
            if chunk._sent_count > 1 and now - getattr(chunk, "_left_at", 0.0) < round_trip:
                # RFC 9260, section 7.2.4: sent again already, and that can't have been acknowledged yet.
                chunk._misses = -1
        return True

    def _may_begin(self, chunk: BaseInitChunk) -> bool:
        """An association of a call begins once: whoever comes back brings a new connection."""
        if self._association_state in (self.State.COOKIE_WAIT, self.State.COOKIE_ECHOED, self.State.CLOSED):
            return bool(chunk.initiate_tag)
        return False

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        ahead = rules.distance(chunk.tsn, self._last_received_tsn or 0)
        if ahead > rules.AHEAD_MAX or not chunk.user_data:
            return self._refuse("ahead" if chunk.user_data else "empty")
        if chunk.stream_id not in self._inbound_streams and len(self._inbound_streams) >= rules.STREAMS_MAX:
            self._sack_needed = True
            self._mark_received(chunk.tsn)
            return self._refuse("streams")
        held = sum(len(stream.reassembly) for stream in self._inbound_streams.values())
        room = self._advertised_rwnd + (rules.MESSAGE_OCTETS if ahead == 1 else 0)
        if held >= rules.HELD_MAX or len(chunk.user_data) > room:
            self._sack_needed = True
            return self._refuse("room")
        await super()._receive_data_chunk(chunk)

    async def _receive_forward_tsn_chunk(self, chunk: ForwardTsnChunk) -> None:
        ahead = rules.distance(chunk.cumulative_tsn, self._last_received_tsn or 0)
        if ahead > rules.AHEAD_MAX:
            return self._refuse("forward")
        self._sack_needed = True
        if ahead <= 0:
            return
        for number, _ in chunk.streams:
            if len(self._inbound_streams) < rules.STREAMS_MAX:
                self._get_inbound_stream(number)
        chunk.streams = [one for one in chunk.streams if one[0] in self._inbound_streams]
        await super()._receive_forward_tsn_chunk(chunk)
        self._close_up()

    def _mark_received(self, tsn: int) -> bool:
        """As the library's, which sorts all numbers for each chunk, and by size: where they wrap it stops for ever."""
        if rules.distance(tsn, self._last_received_tsn or 0) <= 0 or tsn in self._sack_misordered:
            if len(self._sack_duplicates) < rules.GAPS_MAX:
                self._sack_duplicates.append(tsn)
            return True
        self._sack_misordered.add(tsn)
        self._close_up()
        return False

    def _close_up(self) -> None:
        """Count what has no gap before it any more."""
        last = self._last_received_tsn or 0
        while (following := (last + 1) % rules.NUMBERS) in self._sack_misordered:
            self._sack_misordered.discard(following)
            last = following
        self._last_received_tsn = last

    async def _receive_reconfig_param(
            self, param: StreamAddOutgoingParam | StreamResetOutgoingParam | StreamResetResponseParam) -> None:
        if isinstance(param, StreamAddOutgoingParam):
            # It would only count: what there is room for says `STREAMS_MAX`.
            return self._refuse("streams")
        await super()._receive_reconfig_param(param)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        new = stream_id not in self._data_channels
        if len(data) > rules.MESSAGE_OCTETS or (new and len(self._data_channels) >= rules.STREAMS_MAX):
            return self._refuse("message")
        try:
            await super()._receive(stream_id, pp_id, data)
        except (AssertionError, ValueError, struct.error):
            # Its place in the stream is taken; what follows it is not held up.
            self._refuse("message")

    def _refuse(self, what: str) -> None:
        """Said once each: there may be thousands a second."""
        if what not in self._refused:
            self._refused.add(what)
            _log.warning("sctp.refused", what=what)

    async def _transmit(self) -> None:
        room = self.room()
        if room <= 0 and (self._outbound_queue or any(chunk._retransmit for chunk in self._sent_queue)):
            self._wait_for_room()
            return
        # The window narrows for this turn alone.
        spared = max(0, self._cwnd - self._flight_size - room)
        self._cwnd -= spared
        try:
            async with _Bundle(self):
                await super()._transmit()
        finally:
            self._cwnd += spared
        if spared and self._outbound_queue:
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        if self._turn is None:
            self._turn = asyncio.get_running_loop().call_later(ROOM_SECONDS, self._begin_turn)

    def _begin_turn(self) -> None:
        self._taking = asyncio.ensure_future(self._take_turn())

    async def _take_turn(self) -> None:
        self._turn = None
        # The transport may have ended meanwhile; the connection's own state tells it.
        with contextlib.suppress(ConnectionError):
            if self._association_state is self.State.ESTABLISHED:
                await self._data_channel_flush()
                await self._transmit()

    async def _send_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, DataChunk):
            chunk._left_at = time.monotonic()  # type: ignore[attr-defined]
        elif isinstance(chunk, SackChunk):
            chunk.gaps = sorted(chunk.gaps)[:rules.GAPS_MAX]
        if not isinstance(chunk, DataChunk | SackChunk | ForwardTsnChunk):
            # Set-up and end go alone (RFC 9260, 6.10), after what was said before.
            await self.flush()
            await super()._send_chunk(chunk)
            return
        if isinstance(chunk, SackChunk | ForwardTsnChunk):
            # The newer one says all that the older said.
            self._pending = [kept for kept in self._pending if type(kept) is not type(chunk)]
        elif self._size() + len(bytes(chunk)) > BUNDLE_OCTETS:
            await self.flush()
        self._pending.append(chunk)
        if not self._inside:
            await self.settle()

    async def settle(self) -> None:
        """Send what was gathered, or let it wait for more."""
        if not self._pending:
            return
        if not self.thin() or not self._patient():
            await self.flush()
        elif self._held is None:
            loop = asyncio.get_running_loop()
            self._held = loop.call_later(HOLD_SECONDS, lambda: asyncio.ensure_future(self.flush()))

    async def flush(self) -> None:
        """One packet of all that waits: acknowledgements first (RFC 9260, 6.10)."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        pending, self._pending = self._pending, []
        if pending and self._association_state is not self.State.CLOSED:
            pending.sort(key=lambda chunk: isinstance(chunk, DataChunk))
            together: Any = b"".join(map(bytes, pending))
            await self.transport._send_data(serialize_packet(
                self._local_port, self._remote_port or 0, self._remote_verification_tag, together))

    def _size(self) -> int:
        return sum(len(bytes(chunk)) for chunk in self._pending)

    def _patient(self) -> bool:
        data = [chunk for chunk in self._pending if isinstance(chunk, DataChunk)]
        return len(data) < COMPANY and all(chunk.flags & SCTP_DATA_UNORDERED for chunk in data)

    def _update_rto(self, R: float) -> None:
        super()._update_rto(R)
        if self._srtt is not None:
            self._rto = min(RTO_MAX, max(self._rto, self._srtt + ACKNOWLEDGED_LATE_SECONDS))

    def _t3_expired(self) -> None:
        if self.silent():
            # Copies into an outage are lost as well; what comes first after it must not be a burst of them.
            self._t3_handle = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._t3_expired)
            return
        super()._t3_expired()
        self._rto = min(RTO_MAX, 2 * self._rto)


class _Bundle:
    """Within it chunks gather; at the end of the outermost they leave."""

    def __init__(self, transport: GatewaySctp) -> None:
        self._transport = transport

    async def __aenter__(self) -> None:
        self._transport._inside += 1

    async def __aexit__(self, *_: object) -> None:
        self._transport._inside -= 1
        if not self._transport._inside:
            await self._transport.settle()


def hasten(channel: RTCDataChannel, slower: Sequence[RTCDataChannel]) -> None:
    """Move the message last queued on `channel` before those that wait on `slower` channels."""
    queue = channel.transport._data_channel_queue
    if len(queue) < 2 or queue[-1][0] is not channel:
        return
    message = queue.pop()
    for at, (other, _, _) in enumerate(queue):
        if other in slower:
            queue.insert(at, message)
            return
    queue.append(message)

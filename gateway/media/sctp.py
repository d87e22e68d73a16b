"""Data channels on a thin path: SCTP of the library with the timers of RFC 9260 and several chunks in a packet.

Private hooks of aiortc 1.16 (docs/adr/media-hooks.md), tested in `tests/contract/test_media_hooks.py`. The library's
timer never backs off: once a queue is longer than it, everything is sent again at its pace (measured: 150 kbit/s of
copies on a link of 80). And each chunk travels alone, in 77 octets of headers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import aiortc.rtcsctptransport
from aiortc import RTCDataChannel
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import (
    SCTP_DATA_UNORDERED,
    Chunk,
    DataChunk,
    ForwardTsnChunk,
    RTCSctpTransport,
    SackChunk,
    serialize_packet,
)

RTO_INITIAL, RTO_MIN, RTO_MAX = 0.5, 0.2, 2.0
"""Seconds. The library's 3 and 1 make the channels open 7.6 s late (p90) at 10 % loss instead of 3.1 s; a cellular
round trip is 50-150 ms. A reading that waits longer than the last after an outage is late twice."""

ACKNOWLEDGED_LATE_SECONDS = 0.25
"""A receiver may keep an acknowledgement for 0.2 s (RFC 9260, 6.2): over the round trip that is no loss yet."""

HOLD_SECONDS = 0.12
"""On a thin path acknowledgements and a tenth of a second of waveform wait so long for company."""

COMPANY = 2
"""Pieces of a waveform that go together: one more would be 0.2 s old."""

BUNDLE_OCTETS = 1150
"""Chunks of one packet: as large as those of the picture (h264.PAYLOAD_BYTES)."""

SILENT_SECONDS = 0.1
"""How soon after the end of a silence what was lost in it goes again."""

aiortc.rtcsctptransport.SCTP_RTO_INITIAL = RTO_INITIAL
aiortc.rtcsctptransport.SCTP_RTO_MIN = RTO_MIN  # type: ignore[assignment]


class GatewaySctp(RTCSctpTransport):
    """The association of one peer connection. `thin` and `silent` tell of its path: whether each octet counts, and
    whether nothing passes at all."""

    def __init__(self, transport: RTCDtlsTransport) -> None:
        super().__init__(transport)
        self.thin: Callable[[], bool] = lambda: False
        self.silent: Callable[[], bool] = lambda: False
        self._pending: list[Chunk] = []
        self._inside = 0
        self._held: asyncio.TimerHandle | None = None

    async def _handle_data(self, data: bytes) -> None:
        async with _Bundle(self):
            await super()._handle_data(data)

    async def _transmit(self) -> None:
        async with _Bundle(self):
            await super()._transmit()

    async def _send_chunk(self, chunk: Chunk) -> None:
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

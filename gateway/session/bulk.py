"""What is sent behind everything live: chunks asked for again, parts of stills. Resumable, bounded, yielding."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

import structlog

from gateway.store import Store, StoreConflict, StoreError
from protocol.channels import BULK, CONTROL, ChunksWanted, Part, StillWanted
from protocol.limits import BULK_PART_BYTES
from protocol.readings import Still

from .seams import Peer

log = structlog.get_logger()

RANGES = 64
"""Gaps that wait at once. A minute of a bad link makes a few dozen; a page asks again for what is refused."""

STILLS = 8
"""Stills under way at once: a doctor opens one, sometimes two side by side."""

CHUNKS_AT_ONCE = 16
"""Chunks read in one go, 1.6 s of ECG: what waits in memory stays small and live data gets its turn between."""

CONTROL_AHEAD_BYTES = 2 * 1024
"""More than this waiting on `control` means the link is the brake: a reading goes first."""

PART_LEAST_BYTES = 1024
"""On the thinnest link (50 kbit/s beside voice) this takes 0.2 s: a reading waits no longer behind a part."""

PART_QUICK_SECONDS, PART_SLOW_SECONDS = 0.05, 0.25
"""How long a part may stand in the buffer before parts grow or shrink."""

PAUSE_SECONDS = 0.02
"""A closing channel says it is full and drained at once: look again this often instead of spinning."""


class Bulk:
    """The `bulk` channel of one peer connection."""

    def __init__(self, peer: Peer, store: Store, encounter_id: str,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._peer = peer
        self._store = store
        self._encounter_id = encounter_id
        self._clock = clock
        self._ranges: deque[ChunksWanted] = deque()
        self._stills: dict[str, tuple[Still, int]] = {}
        self._work = asyncio.Event()
        self._part_bytes = BULK_PART_BYTES

    def want_chunks(self, wanted: ChunksWanted) -> str | None:
        """Queue a range; a code when it is not taken."""
        if wanted.to_number <= wanted.from_number:
            return "chunks.range"
        if wanted in self._ranges:
            return None
        if len(self._ranges) >= RANGES:
            return "chunks.busy"
        self._ranges.append(wanted)
        self._work.set()
        return None

    async def want_still(self, wanted: StillWanted) -> str | None:
        """Queue a still from an offset on, moving one that is under way; a code when it is not taken."""
        if wanted.still_id not in self._stills and len(self._stills) >= STILLS:
            return "still.busy"
        try:
            still = await self._store.stills.kept(wanted.still_id, self._encounter_id)
        except (StoreConflict, StoreError) as error:
            return error.code
        if wanted.offset >= still.size:
            return "still.offset"
        self._stills[wanted.still_id] = (still, wanted.offset)
        self._work.set()
        return None

    async def run(self) -> None:
        """Until cancelled. PeerClosed when the connection ends."""
        while True:
            self._work.clear()
            try:
                # Chunks first: a gap in a trace the doctor reads now goes before a picture.
                if self._ranges:
                    await self._some_chunks(self._ranges.popleft())
                elif self._stills:
                    await self._one_part(next(iter(self._stills)))
                else:
                    await self._work.wait()
            except StoreConflict as error:
                log.warning("bulk.refused", code=error.code)
            except StoreError as error:
                # Asked for again by the page when the disk is well.
                log.error("bulk.unread", code=error.code)

    async def _some_chunks(self, wanted: ChunksWanted) -> None:
        chunks = await self._store.waveforms.chunks(self._encounter_id, wanted.stream_id, wanted.from_number,
                                                    wanted.to_number, CHUNKS_AT_ONCE)
        for chunk in chunks:
            await self._send(bytes(chunk))
        if len(chunks) == CHUNKS_AT_ONCE and chunks[-1].number + 1 < wanted.to_number:
            self._ranges.append(ChunksWanted(stream_id=wanted.stream_id, from_number=chunks[-1].number + 1,
                                             to_number=wanted.to_number))

    async def _one_part(self, still_id: str) -> None:
        still, offset = self._stills[still_id]
        try:
            payload = await self._store.stills.part(still, offset, self._part_bytes)
        except StoreError:
            del self._stills[still_id]
            raise
        if not payload:
            del self._stills[still_id]
            raise StoreConflict("still.cut")
        asked = self._clock()
        await self._send(bytes(Part(still_id, offset, still.size, payload)))
        self._pace(self._clock() - asked)
        if self._stills.get(still_id) != (still, offset):
            # Asked for anew meanwhile, from another offset.
            return
        # To the end of the line, so that two stills grow side by side.
        del self._stills[still_id]
        if offset + len(payload) < still.size:
            self._stills[still_id] = (still, offset + len(payload))

    async def _send(self, data: bytes) -> None:
        """Queue one message when nothing live waits and what was sent before has left."""
        while True:
            if self._peer.buffered(CONTROL) > CONTROL_AHEAD_BYTES:
                await self._peer.drained(CONTROL)
            elif self._peer.buffered(BULK) > self._part_bytes:
                await self._peer.drained(BULK)
            elif self._peer.send(BULK, data):
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def _pace(self, waited: float) -> None:
        if waited > PART_SLOW_SECONDS:
            self._part_bytes = max(PART_LEAST_BYTES, self._part_bytes // 2)
        elif waited < PART_QUICK_SECONDS:
            self._part_bytes = min(BULK_PART_BYTES, self._part_bytes * 2)

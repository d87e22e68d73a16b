"""A large still on `bulk`: cut after every part, taken up where the page stands, whole by its hash in the end."""

from __future__ import annotations

import asyncio
import hashlib
import random
from pathlib import Path

import pytest

from gateway.session.bulk import Bulk
from gateway.store import Store
from protocol.channels import Part, StillWanted
from protocol.limits import BULK_PART_BYTES
from tests.unit.store_makers import START, record, still

SIZE = 8 * 1024 * 1024 + 77
WAIT = 30.0


class CutPeer:
    """A connection that carries `parts` parts and then loses everything; it says so when the last one is through."""

    def __init__(self, page: bytearray, parts: int) -> None:
        self._page, self._left = page, parts
        self.cut = asyncio.Event()
        self.fingerprint = ""

    def send(self, channel: str, data: str | bytes) -> bool:
        assert isinstance(data, bytes)
        if self._left > 0:
            part = Part.from_bytes(data)
            # What a page does: it takes what follows on what it has, and nothing that leaves a hole.
            assert part.offset <= len(self._page)
            self._page += part.payload[len(self._page) - part.offset:]
            self._left -= 1
            if not self._left or len(self._page) == part.size:
                self.cut.set()
        return True

    def buffered(self, channel: str) -> int:
        return 0

    async def drained(self, channel: str) -> None:
        raise AssertionError("nothing ever waits here")


@pytest.fixture
def picture() -> bytes:
    return random.Random(8).randbytes(SIZE)


async def test_an_eight_megabyte_still_survives_a_cut_at_every_part(tmp_path: Path, picture: bytes) -> None:
    """Five hundred and thirteen connections, each lost after one part: no byte twice, none missing."""
    page = bytearray()
    connections = 0
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.stills.put("enc-1", "skin", still(1, picture), picture)
        await store.stills.keep("still-1", "enc-1", START)
        while len(page) < SIZE:
            peer = CutPeer(page, 1)
            bulk = Bulk(peer, store, "enc-1")  # type: ignore[arg-type]
            running = asyncio.ensure_future(bulk.run())
            assert await bulk.want_still(StillWanted(still_id="still-1", offset=len(page))) is None
            async with asyncio.timeout(WAIT):
                await peer.cut.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            connections += 1
    assert connections == -(-SIZE // BULK_PART_BYTES)
    assert hashlib.sha256(page).hexdigest() == still(1, picture).sha256
    assert bytes(page) == picture


async def test_a_page_that_stands_within_a_part_gets_the_rest(tmp_path: Path, picture: bytes) -> None:
    """Any offset is answered from there on; beyond the end is refused by its code."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        await store.stills.put("enc-1", "skin", still(1, picture), picture)
        await store.stills.keep("still-1", "enc-1", START)
        page = bytearray(picture[:1_234_567])
        peer = CutPeer(page, 10**6)
        bulk = Bulk(peer, store, "enc-1")  # type: ignore[arg-type]
        assert await bulk.want_still(StillWanted(still_id="still-1", offset=SIZE)) == "still.offset"
        assert await bulk.want_still(StillWanted(still_id="still-1", offset=len(page))) is None
        running = asyncio.ensure_future(bulk.run())
        async with asyncio.timeout(WAIT):
            await peer.cut.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert bytes(page) == picture

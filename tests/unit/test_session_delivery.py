"""Whatever breaks and whenever, the page ends with every event, once and in order (I1)."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.media.events import PeerState
from gateway.session import delivery
from gateway.session.bulk import PART_LEAST_BYTES, RANGES, Bulk
from gateway.session.delivery import Delivery
from gateway.store import Store
from gateway.store.records import EncounterCounts
from protocol.channels import (
    BULK,
    CONTROL,
    Beat,
    ChunksWanted,
    InstrumentRequested,
    InstrumentRequestWithdrawn,
    Situation,
    StillWanted,
)
from protocol.limits import BULK_PART_BYTES
from protocol.readings import Chunk, ReadingTaken
from tests.unit.session_fakes import WAIT, FakePeer, Page
from tests.unit.store_makers import START, chunk, record, still, taken, waveform


class Desk:
    """Counts what the store says was acknowledged."""

    def __init__(self) -> None:
        self.counts = EncounterCounts(0, 0)
        self.moved = asyncio.Event()

    def situation(self) -> Situation | None:
        return None

    def running(self) -> tuple[tuple[int, int], ...]:
        return ()

    def acknowledged(self, encounter_id: str, counts: EncounterCounts) -> None:
        self.counts = counts
        self.moved.set()

    async def ask(self, message: InstrumentRequested) -> None:
        raise AssertionError

    async def withdraw(self, message: InstrumentRequestWithdrawn) -> None:
        raise AssertionError


class Wire(FakePeer):
    """Loses everything after `passing` messages, both ways, while still saying it was sent; refuses `refusals`."""

    def __init__(self, made: Delivery | None = None, passing: int = 10**9, refusals: int = 0) -> None:
        super().__init__(self)  # type: ignore[arg-type]
        self.delivery = made
        self.passing = passing
        self.refusals = refusals

    def peer_state(self, state: PeerState) -> None: ...

    def channel_open(self, channel: str) -> None:
        assert self.delivery is not None
        self.delivery.opened(channel)

    def channel_message(self, channel: str, data: str | bytes) -> None:
        assert self.delivery is not None
        if self._passes():
            self.delivery.message(channel, data)

    def send(self, channel: str, data: str | bytes) -> bool:
        if self.refusals > 0:
            self.refusals -= 1
            return False
        if self._passes() and self.page is not None:
            self.page.receive(channel, data)
        return True

    def _passes(self) -> bool:
        self.passing -= 1
        return self.passing >= 0


STEPS = st.lists(st.one_of(
    st.tuples(st.just("append"), st.integers(1, 5)),
    st.tuples(st.just("break"), st.integers(0, 12)),
    st.tuples(st.just("reload"), st.integers(0, 12)),
    st.tuples(st.just("refuse"), st.integers(1, 6)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("restart"), st.integers(0, 12)),
), max_size=14)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, int]]) -> None:
    """Appends, broken and mute connections, lost acknowledgements, reloads, restarts, full buffers in any order."""
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_story(Path(directory), steps))


async def _story(directory: Path, steps: list[tuple[str, int]]) -> None:
    page, total = Page("enc-1"), 0
    async with contextlib.AsyncExitStack() as life:
        store = await life.enter_async_context(Store(directory))
        await store.encounters.open(record())
        connection = await _connect(store, page, 10**9)
        for step, number in steps:
            match step:
                case "append":
                    for _ in range(number):
                        total += 1
                        await store.events.append("enc-1", START, taken(total))
                        connection.delivery.committed()
                case "break" | "reload":
                    await connection.end()
                    page = Page("enc-1") if step == "reload" else page
                    connection = await _connect(store, page, number)
                case "refuse":
                    connection.wire.refusals = number
                case "resume":
                    page.resume()
                case "restart":
                    await connection.end()
                    await life.aclose()
                    store = await life.enter_async_context(Store(directory))
                    connection = await _connect(store, page, number)
            for _ in range(6):
                await asyncio.sleep(0)
        await connection.end()
        connection = await _connect(store, page, 10**9)
        async with asyncio.timeout(20):
            while connection.desk.counts.acknowledged < total:
                connection.desk.moved.clear()
                await connection.desk.moved.wait()
        # What the page before a reload had acknowledged says nothing of what this one holds.
        await page.inbox.until(lambda: page.through >= total)
        await connection.end()
        assert [event.body for event in page.events] == [taken(n) for n in range(1, total + 1)]
        assert [event.seq for event in page.events] == list(range(1, total + 1))
        # A page that asks again from a place it has passed meanwhile gets those twice, and drops them by number.
        assert page.doubled == 0 or ("resume", 0) in steps
        counts = await store.encounters.counts("enc-1")
        assert (counts.last_seq, counts.acknowledged) == (total, total)


class Connection:
    def __init__(self, made: Delivery, wire: Wire, desk: Desk) -> None:
        self.delivery, self.wire, self.desk = made, wire, desk
        self._task = asyncio.ensure_future(made.run())

    async def end(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def _connect(store: Store, page: Page, passing: int) -> Connection:
    desk, wire = Desk(), Wire(passing=passing)
    wire.delivery = Delivery(wire, store, "enc-1", desk)
    connection = Connection(wire.delivery, wire, desk)
    wire.connect(page)
    page.resume()
    return connection


async def test_a_full_channel_is_waited_for_not_skipped(tmp_path: Path) -> None:
    """An event the channel refuses is the next one sent: the cursor does not move past it."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        page = Page("enc-1")
        connection = await _connect(store, page, 10**9)
        connection.wire.refusals = 3
        await store.events.append("enc-1", START, taken(1))
        connection.delivery.committed()
        await page.inbox.until(lambda: page.through == 1)
        assert connection.wire.refusals == 0
        await connection.end()


async def test_a_flood_is_refused_and_the_queue_stays_bounded(tmp_path: Path) -> None:
    """More messages than fit at once: `channel.flood`, and what came before is served."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        page = Page("enc-1")
        connection = await _connect(store, page, 10**9)
        for n in range(delivery.INBOX_MESSAGES * 2):
            page.say(Beat(sent=float(n)))
        refusals = [item.code for item in page.inbox.items if hasattr(item, "code")]
        assert set(refusals) == {"channel.flood"}
        assert len(refusals) <= delivery.PROBLEMS_A_SECOND
        await store.events.append("enc-1", START, taken(1))
        connection.delivery.committed()
        await page.inbox.until(lambda: page.through == 1)
        await connection.end()


HOSTILE = ("", "{", "[" * 200_000, "{" * 200_000, '{"kind":' * 50_000, "\ud800", "\0", "9" * 5000, "null", "[]",
           '"' + "x" * 10**6, '{"type":"beat","sent":1e999}', '{"type":"beat","sent":' + "9" * 400 + "}", b"",
           '{"type":"resume"}', b"\xff" * 70_000, '{"type":"chunks_wanted","stream_id":-1}')


async def test_what_is_no_message_is_refused_at_a_bounded_rate(tmp_path: Path) -> None:
    """Cut, nested two hundred thousand deep, huge, of octets, on each channel: refused with a code, ten times a second
    at most whatever comes; events go on."""
    now = 100.0
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        said: list[str] = []

        class Ear(Wire):
            def send(self, channel: str, data: str | bytes) -> bool:
                said.append(str(data))
                return True

        made = Delivery(Ear(), store, "enc-1", Desk(), lambda: now)  # type: ignore[arg-type]
        hearing = asyncio.create_task(made._hear())
        for second in range(3):
            now = 100.0 + second
            for text in HOSTILE * 3:
                for channel in (CONTROL, BULK, "waveform"):
                    made.message(channel, text)
                while not made._inbox.empty():  # noqa: ASYNC110 - it is emptied in turns of the loop
                    await asyncio.sleep(0)
        assert not hearing.done()
        hearing.cancel()
        await asyncio.wait((hearing,))
        assert {msgspec.json.decode(text)["code"] for text in said} == {"channel.message"}
        assert len(said) == 3 * delivery.PROBLEMS_A_SECOND


class ThinPeer(FakePeer):
    """A thin link: waiting until a channel is drained costs `seconds` of the test's clock."""

    def __init__(self, seconds: float, until: int) -> None:
        super().__init__(Wire())  # type: ignore[arg-type]
        self.seconds = seconds
        self.now = 0.0
        self.waiting = {CONTROL: 0, BULK: 0}
        self.order: list[str] = []
        self.sizes: list[int] = []
        self.enough = asyncio.Event()
        self._until = until

    def send(self, channel: str, data: str | bytes) -> bool:
        self.order.append("chunk" if data[0] == 0x57 else "part")
        self.sizes.append(len(data))
        self.waiting[channel] += len(data)
        if len(self.sizes) == self._until:
            self.enough.set()
        return True

    def buffered(self, channel: str) -> int:
        return self.waiting[channel]

    async def drained(self, channel: str) -> None:
        self.order.append(f"drained {channel}")
        self.now += self.seconds
        self.waiting[channel] = 0


@contextlib.asynccontextmanager
async def bulk_over(peer: ThinPeer, directory: Path) -> AsyncIterator[Bulk]:
    """The `bulk` channel of a peer, with a still of 200 kB and a chunk in the store."""
    data = bytes(200_000)
    async with Store(directory) as store:
        await store.encounters.open(record())
        await store.stills.put("enc-1", "skin", still(1, data), data)
        await store.stills.keep("still-1", "enc-1", START)
        stream = await store.waveforms.number("enc-1", "heart")
        await store.waveforms.begin(waveform(stream), START)
        await store.waveforms.chunk(chunk(stream, 0))
        bulk = Bulk(peer, store, "enc-1", lambda: peer.now)
        task = asyncio.ensure_future(bulk.run())
        yield bulk
        async with asyncio.timeout(WAIT):
            await peer.enough.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_parts_shrink_on_a_thin_link_and_grow_back_on_a_wide_one(tmp_path: Path) -> None:
    """A part that stands half a second is halved, down to a kilobyte; a quick link gets whole ones again."""
    peer = ThinPeer(0.5, 10)
    async with bulk_over(peer, tmp_path) as bulk:
        assert await bulk.want_still(StillWanted(still_id="still-1", offset=0)) is None
        async with asyncio.timeout(WAIT):
            await peer.enough.wait()
        assert peer.sizes[0] > BULK_PART_BYTES
        assert PART_LEAST_BYTES < min(peer.sizes) < 2 * PART_LEAST_BYTES
        peer.seconds, peer._until = 0.0, 20
        peer.enough.clear()
    assert peer.sizes[-1] > BULK_PART_BYTES


async def test_live_data_goes_first_and_chunks_before_stills(tmp_path: Path) -> None:
    """Nothing leaves on `bulk` while `control` waits; a gap in a trace is filled before a picture grows."""
    peer = ThinPeer(0.0, 2)
    peer.waiting[CONTROL] = 50_000
    async with bulk_over(peer, tmp_path) as bulk:
        assert await bulk.want_still(StillWanted(still_id="still-1", offset=0)) is None
        assert bulk.want_chunks(ChunksWanted(stream_id=1, from_number=0, to_number=1)) is None
    assert peer.order[:2] == ["drained control", "chunk"]
    assert "part" in peer.order


async def test_what_waits_on_bulk_is_bounded(tmp_path: Path) -> None:
    """More gaps than a bad minute makes are refused; the page asks again."""
    async with Store(tmp_path) as store:
        bulk = Bulk(ThinPeer(0.0, 1), store, "enc-1")
        codes = [bulk.want_chunks(ChunksWanted(stream_id=1, from_number=n, to_number=n + 1))
                 for n in range(RANGES + 1)]
        assert set(codes[:-1]) == {None}
        assert codes[-1] == "chunks.busy"
        assert bulk.want_chunks(ChunksWanted(stream_id=1, from_number=0, to_number=1)) is None


async def test_events_read_back_are_the_values_that_were_put(tmp_path: Path) -> None:
    """An event on the wire decodes to what the sink was given."""
    async with Store(tmp_path) as store:
        await store.encounters.open(record())
        page = Page("enc-1")
        connection = await _connect(store, page, 10**9)
        await store.events.append("enc-1", START, taken(1, systolic="128.0"))
        connection.delivery.committed()
        await page.inbox.until(lambda: page.through == 1)
        body = page.events[0].body
        assert isinstance(body, ReadingTaken)
        assert msgspec.json.encode(body) == msgspec.json.encode(taken(1, systolic="128.0"))
        await connection.end()
    assert Chunk.from_bytes(bytes(chunk(1, 2))) == chunk(1, 2)

"""The data channels of one peer connection: every event once and in order, what is live at once, the rest behind.

The store is the queue: a cursor walks over the encounter's events and waits when it is at their end. The
page says with `Resume` where it starts, and with each acknowledgement how far it holds them, so that
neither a broken connection nor a restart on either side loses or doubles one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec
import structlog

from gateway.store import Store, StoreError
from gateway.store.records import EncounterCounts
from protocol.channels import (
    BULK,
    CONTROL,
    WAVEFORM,
    Beat,
    CameraWanted,
    ChannelProblem,
    ChunksWanted,
    EventAcknowledged,
    EventSent,
    GuestInvited,
    GuestRemoved,
    InstrumentRequested,
    InstrumentRequestWithdrawn,
    ListenWanted,
    QualityTold,
    ReceptionTold,
    Resume,
    Situation,
    StillWanted,
    ToDoctor,
    ToVehicle,
    WaveformHead,
)
from protocol.limits import CHANNEL_MESSAGE_BYTES
from protocol.quality import CallQuality, Reception
from protocol.readings import Chunk

from .bulk import Bulk
from .seams import Peer, code_of

log = structlog.get_logger()

INBOX_MESSAGES = 256
"""A page sends about ten messages a second (acknowledgements, gaps, beats); past it one is refused and said so."""

PROBLEMS_A_SECOND = 10
"""Refusals said and logged; a page has none when all is well. Each takes the uplink before readings that wait."""

BEAT_SECONDS = 1.0
"""Also the pace of `WaveformHead`: a lost last chunk is noticed within a second."""

SITUATION_SECONDS = 0.1
"""Ten situations a second at most; the pressure of a cuff changes more often than an eye reads."""

PAUSE_SECONDS = 0.05
"""Before a send that was refused is tried again: a frame of a screen."""

DISK_RETRY_SECONDS = 1.0
"""Before events are read again from a disk that failed."""

_decoder: msgspec.json.Decoder[ToVehicle] = msgspec.json.Decoder(ToVehicle)
_encoder = msgspec.json.Encoder()


class Situations(Protocol):
    """What a delivery needs of the consultation around it."""

    def situation(self) -> Situation | None:
        """The encounter, the instruments and what is captured now."""

    def running(self) -> tuple[tuple[int, int], ...]:
        """Streams that run: number and chunks made."""

    def acknowledged(self, encounter_id: str, counts: EncounterCounts) -> None:
        """The doctor's page holds more than before."""

    async def ask(self, message: InstrumentRequested) -> None:
        """Raises Refused, StoreError."""

    async def withdraw(self, message: InstrumentRequestWithdrawn) -> None:
        """Raises Refused, StoreError."""

    async def show(self, instrument_id: str | None, *, beside: bool) -> None:
        """An examination camera as the picture. Raises Refused, an instrument's coded error."""

    async def listen(self, instrument_id: str | None) -> None:
        """A stethoscope on the second track. Raises Refused, an instrument's coded error."""

    def received(self, reception: Reception) -> None:
        """What the doctor's page gets."""

    def guest_invited(self, message: GuestInvited) -> None:
        """A third person may enter. Raises Refused."""

    def guest_removed(self, guest_id: str) -> None:
        """Its part is over."""


class Delivery:
    """One life of the three channels. Made when the answer was verified (I5), never before."""

    def __init__(self, peer: Peer, store: Store, encounter_id: str, desk: Situations,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._peer = peer
        self._store = store
        self._encounter_id = encounter_id
        self._desk = desk
        self._clock = clock
        self._bulk = Bulk(peer, store, encounter_id, clock)
        self._inbox: asyncio.Queue[tuple[str, str | bytes]] = asyncio.Queue(INBOX_MESSAGES)
        self._open = asyncio.Event()
        self._more = asyncio.Event()
        self._news = asyncio.Event()
        self._cursor: int | None = None
        self._resumes = 0
        self._echo: float | None = None
        self._objections: deque[float] = deque(maxlen=PROBLEMS_A_SECOND)

    def opened(self, channel: str) -> None:
        """A channel can be written to."""
        if channel == CONTROL:
            self._open.set()

    def message(self, channel: str, data: str | bytes) -> None:
        """A message came; never blocks."""
        try:
            self._inbox.put_nowait((channel, data))
        except asyncio.QueueFull:
            self._object("channel.flood")

    def committed(self) -> None:
        """There is a new event."""
        self._more.set()

    def changed(self) -> None:
        """The situation may be another one."""
        self._news.set()

    def tell(self, quality: CallQuality) -> None:
        """How the call goes: now, with nothing before it, or not at all; in a second it is old."""
        if self._open.is_set() and not self._peer.buffered(CONTROL):
            self._say(QualityTold(quality=quality))

    def live(self, chunk: Chunk) -> None:
        """Send a chunk now or never: the page asks for what it misses."""
        self._peer.send(WAVEFORM, bytes(chunk))

    async def run(self) -> None:
        """Until cancelled. PeerClosed (in a group) when the connection ends."""
        async with asyncio.TaskGroup() as tasks:
            for work in (self._hear, self._events, self._situations, self._beat, self._bulk.run):
                tasks.create_task(work(), name=f"delivery.{work.__name__}")

    async def _hear(self) -> None:
        while True:
            channel, data = await self._inbox.get()
            code, about = await self._take(channel, data)
            if code is not None:
                self._object(code, about)

    async def _take(self, channel: str, data: str | bytes) -> tuple[str | None, str]:
        if channel != CONTROL or not isinstance(data, str) or len(data) > CHANNEL_MESSAGE_BYTES:
            return "channel.message", channel if channel in (WAVEFORM, BULK) else ""
        try:
            message = _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return "channel.message", ""
        about = type(message).__struct_config__.tag
        try:
            return await self._heard(message), str(about)
        except Exception as error:
            code = code_of(error)
            if code is None:
                raise
            return code, str(about)

    async def _heard(self, message: ToVehicle) -> str | None:
        match message:
            case Resume():
                return await self._resume(message)
            case EventAcknowledged():
                return await self._acknowledge(message.encounter_id, message.seq)
            case InstrumentRequested():
                await self._desk.ask(message)
            case InstrumentRequestWithdrawn():
                await self._desk.withdraw(message)
            case CameraWanted():
                await self._desk.show(message.instrument_id, beside=message.beside)
            case ListenWanted():
                await self._desk.listen(message.instrument_id)
            case GuestInvited():
                self._desk.guest_invited(message)
            case GuestRemoved():
                self._desk.guest_removed(message.guest_id)
            case ChunksWanted():
                return self._bulk.want_chunks(message)
            case StillWanted():
                return await self._bulk.want_still(message)
            case ChannelProblem():
                log.warning("channel.page_refused", code=message.code, about=message.about)
            case Beat():
                self._echo = message.sent
            case ReceptionTold():
                self._desk.received(message.reception)
        return None

    async def _resume(self, message: Resume) -> str | None:
        if message.encounter_id != self._encounter_id:
            return "resume.encounter"
        counts = await self._store.encounters.counts(self._encounter_id)
        beyond = message.events_through > counts.last_seq
        # A page that holds more than we do holds something else: it gets everything from the start.
        self._cursor = 0 if beyond else message.events_through
        self._resumes += 1
        self._more.set()
        if beyond:
            return "resume.beyond"
        return await self._acknowledge(message.encounter_id, message.events_through)

    async def _acknowledge(self, encounter_id: str, seq: int) -> str | None:
        if encounter_id != self._encounter_id:
            return "ack.encounter"
        self._desk.acknowledged(encounter_id, await self._store.events.acknowledge(encounter_id, seq))
        return None

    async def _events(self) -> None:
        while True:
            self._more.clear()
            cursor, resumes = self._cursor, self._resumes
            if cursor is None:
                await self._more.wait()
                continue
            try:
                events = await self._store.events.after(self._encounter_id, cursor)
            except StoreError as error:
                log.error("events.unread", code=error.code)
                await asyncio.sleep(DISK_RETRY_SECONDS)
                continue
            for event in events:
                message = EventSent(event=event)
                while resumes == self._resumes and not self._say(message):
                    await self._room()
                if resumes != self._resumes:
                    break
                self._cursor = event.seq
            if not events and resumes == self._resumes:
                await self._more.wait()

    async def _situations(self) -> None:
        await self._open.wait()
        said: Situation | None = None
        while True:
            self._news.clear()
            situation = self._desk.situation()
            if situation is not None and situation != said:
                while not self._say(situation):
                    await self._room()
                said = situation
            await self._news.wait()
            await asyncio.sleep(SITUATION_SECONDS)

    async def _beat(self) -> None:
        await self._open.wait()
        while True:
            self._say(Beat(sent=self._clock(), echo=self._echo))
            for stream_id, chunks in self._desk.running():
                self._say(WaveformHead(stream_id=stream_id, chunks=chunks))
            await asyncio.sleep(BEAT_SECONDS)

    async def _room(self) -> None:
        await self._peer.drained(CONTROL)
        await asyncio.sleep(PAUSE_SECONDS)

    def _object(self, code: str, about: str = "") -> None:
        now = self._clock()
        if len(self._objections) == PROBLEMS_A_SECOND and now - self._objections[0] < 1.0:
            return
        self._objections.append(now)
        log.info("channel.refused", code=code, about=about)
        self._say(ChannelProblem(code=code, about=about))

    def _say(self, message: ToDoctor) -> bool:
        return self._peer.send(CONTROL, _encoder.encode(message).decode())

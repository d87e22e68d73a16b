"""The session's neighbours as tests need them: fakes of its Protocols, and a doctor's page on the other end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gateway.media.events import PeerClosed, PeerEvents, PeerState
from gateway.media.path import CallFigures
from gateway.session.consultation import Consultation
from gateway.session.view import ConsultationView
from gateway.store import Store
from protocol.binding import Binding, Side, statement
from protocol.channels import (
    BULK,
    CONTROL,
    WAVEFORM,
    Beat,
    ChannelProblem,
    EventAcknowledged,
    EventSent,
    Instrument,
    InstrumentState,
    Part,
    Resume,
    Situation,
    ToDoctor,
    ToVehicle,
    WaveformHead,
)
from protocol.kiosk import CameraView, KioskReply, Uplink
from protocol.kiosk_commands import CommandBody, EnterWaiting, OpenEncounter
from protocol.readings import Chunk, Event, InstrumentKind, Still, Waveform, WaveformEnd
from protocol.signalling import CallAnswer, CallAssigned, CallOffer, FromVehicle, PrescriptionReady
from protocol.values import DoctorCard, IceServer, Patient, Reason, Urgency, VehicleCard
from tests.unit.store_makers import NURSE, START, still, waveform

T = TypeVar("T")
WAIT = 30.0
DOCTOR = DoctorCard(doctor_id="dr-a", name="Dr A", speciality="Médecine générale")
VEHICLE = VehicleCard(vehicle_id="bus-1", name="Bus 1", simulated=True)


def fingerprint() -> str:
    return ":".join(f"{byte:02X}" for byte in secrets.token_bytes(32))


def sdp(*fingerprints: str) -> str:
    return "".join(["v=0\r\n", *(f"a=fingerprint:sha-256 {value}\r\n" for value in fingerprints)])


class Denied(Exception):
    code = "certificate.foreign"


class Identity:
    """A Signer whose doctors are the ones it was told of; also signs for a doctor."""

    def __init__(self) -> None:
        self.vehicle_id = VEHICLE.vehicle_id
        self.certificate_pem = "vehicle certificate"
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.doctors = {DOCTOR.doctor_id: ec.generate_private_key(ec.SECP256R1())}

    def sign(self, statement: bytes) -> bytes:
        return raw(self.key, statement)

    def verify_doctor(self, certificate_pem: str, doctor_id: str) -> ec.EllipticCurvePublicKey:
        if certificate_pem != f"certificate of {doctor_id}" or doctor_id not in self.doctors:
            raise Denied
        return self.doctors[doctor_id].public_key()

    def answer(self, offer: CallOffer, own: str, **changes: Any) -> CallAnswer:
        fields: dict[str, Any] = {
            "side": Side.doctor, "call_id": offer.call_id, "generation": offer.generation,
            "vehicle_id": self.vehicle_id, "doctor_id": DOCTOR.doctor_id, "fingerprint": own,
            "peer_fingerprint": offer.binding.fingerprint, **changes}
        signature = raw(self.doctors[DOCTOR.doctor_id], statement(**fields))
        binding = Binding(**fields, certificate=f"certificate of {fields['doctor_id']}",
                          signature=base64.b64encode(signature).decode())
        return CallAnswer(call_id=offer.call_id, generation=offer.generation, sdp=sdp(own), binding=binding)


def raw(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


class Inbox:
    """Things that came, to be awaited by type; nothing polls."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._came = asyncio.Event()

    def put(self, item: Any) -> None:
        self.items.append(item)
        self._came.set()

    async def next(self, kind: type[T], fits: Callable[[T], bool] = lambda _: True) -> T:
        """Take the first that fits, dropping nothing else."""
        async with asyncio.timeout(WAIT):
            while True:
                for item in self.items:
                    if isinstance(item, kind) and fits(item):
                        self.items.remove(item)
                        return item
                self._came.clear()
                await self._came.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for something to come that makes it true; takes nothing."""
        async with asyncio.timeout(WAIT):
            while not holds():
                self._came.clear()
                await self._came.wait()

    def all(self, kind: type[T]) -> list[T]:
        return [item for item in self.items if isinstance(item, kind)]


class FakeRelay:
    """Keeps what was sent; acknowledges when told to."""

    def __init__(self) -> None:
        self.online = True
        self.heard = True
        self.sent = Inbox()
        self.callbacks: list[Callable[[], None]] = []

    @property
    def reached(self) -> bool:
        return self.online and self.heard

    def send(self, body: FromVehicle, acknowledged: Callable[[], None] | None = None) -> None:
        self.sent.put(body)
        if acknowledged is not None:
            self.callbacks.append(acknowledged)


class FakePeer:
    """A peer connection whose other end is a `Page`."""

    def __init__(self, events: PeerEvents) -> None:
        self.fingerprint = fingerprint()
        self.events = events
        self.answered: str | None = None
        self.was_answered = asyncio.Event()
        self.candidates: list[str] = []
        self.page: Page | None = None
        self.closed = False
        self.was_closed = asyncio.Event()
        self.full = False

    async def offer(self) -> str:
        return sdp(self.fingerprint)

    async def answer(self, sdp: str) -> None:
        self.answered = sdp
        self.was_answered.set()

    async def candidate(self, candidate: str, sdp_mid: str = "", sdp_m_line_index: int = 0) -> None:
        self.candidates.append(candidate)

    def connect(self, page: Page) -> None:
        self.page = page
        page.peer = self
        self.events.peer_state(PeerState.connected)
        for channel in (CONTROL, WAVEFORM, BULK):
            self.events.channel_open(channel)

    def send(self, channel: str, data: str | bytes) -> bool:
        if self.page is None or self.closed or self.full:
            return False
        self.page.receive(channel, data)
        return True

    def buffered(self, channel: str) -> int:
        return 0

    async def drained(self, channel: str) -> None:
        if self.closed:
            raise PeerClosed("over")

    def cut(self) -> None:
        """The network goes for good."""
        self.closed = True
        self.page = None
        self.events.peer_state(PeerState.closed)

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            # Like the real one: its end is told before `close` returns.
            self.events.peer_state(PeerState.closed)
            for _ in range(5):
                await asyncio.sleep(0)
        self.was_closed.set()


class FakeFrames:
    """An examination camera of which no frame is ever looked at here."""

    failed: str | None = None

    def newest(self) -> tuple[int, None, float]:
        return 0, None, 0.0

    def on_frame(self, call: Callable[[], None]) -> None:
        """Nothing comes."""

    def close(self) -> None:
        """Nothing was opened."""


class FakeMedia:
    def __init__(self) -> None:
        self.shown: str | None = None
        self.listening: str | None = None
        self.listening_code: str | None = None
        self.camera = CameraView(present=True)
        self.microphone_code: str | None = None
        self.muted = False
        self.beside = False
        self.figures: CallFigures | None = None
        self.uplinks: tuple[Uplink, ...] = ()
        self.picture_code: str | None = None
        self.peers: list[FakePeer] = []
        self.guests: list[FakePeer] = []

    @property
    def microphone(self) -> bool:
        return self.microphone_code != "microphone.missing"

    @microphone.setter
    def microphone(self, there: bool) -> None:
        self.microphone_code = None if there else "microphone.missing"

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def show(self, source: object | None, name: str = "", *, beside: bool = False) -> None:
        self.shown = name if source is not None else None
        self.beside = beside and source is not None

    def listen(self, instrument_id: str | None) -> None:
        self.listening = instrument_id

    def guest_figures(self, line: object) -> CallFigures | None:
        return self.figures if line in self.guests else None

    async def doctor_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> FakePeer:
        self.peers.append(FakePeer(events))
        return self.peers[-1]

    async def guest_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> FakePeer:
        self.guests.append(FakePeer(events))
        return self.guests[-1]


class Page:
    """The doctor's page on the data channels: holds events in order, acknowledges, counts what came twice."""

    def __init__(self, encounter_id: str, acknowledges: bool = True) -> None:
        self.encounter_id = encounter_id
        self.acknowledges = acknowledges
        self.events: list[Event] = []
        self.doubled = 0
        self.inbox = Inbox()
        self.peer: FakePeer | None = None
        self._decoder: msgspec.json.Decoder[ToDoctor] = msgspec.json.Decoder(ToDoctor)

    @property
    def through(self) -> int:
        return self.events[-1].seq if self.events else 0

    def say(self, message: ToVehicle) -> None:
        assert self.peer is not None
        self.peer.events.channel_message(CONTROL, msgspec.json.encode(message).decode())

    def resume(self) -> None:
        self.say(Resume(encounter_id=self.encounter_id, events_through=self.through))

    def receive(self, channel: str, data: str | bytes) -> None:
        if channel == WAVEFORM and isinstance(data, bytes):
            self.inbox.put(("live", Chunk.from_bytes(data)))
            return
        if channel == BULK and isinstance(data, bytes):
            self.inbox.put(Part.from_bytes(data) if data[0] == 0x53 else Chunk.from_bytes(data))
            return
        message = self._decoder.decode(data)
        if isinstance(message, EventSent):
            self._event(message.event)
        if not isinstance(message, Beat | WaveformHead):
            self.inbox.put(message)

    def _event(self, event: Event) -> None:
        if event.seq <= self.through:
            self.doubled += 1
        elif event.seq == self.through + 1:
            self.events.append(event)
        else:
            raise AssertionError(f"a hole before {event.seq}")
        if self.acknowledges:
            self.say(EventAcknowledged(encounter_id=self.encounter_id, seq=self.through))


class FakeInstruments:
    """A cuff, an ECG and a camera that do what a test says."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(("cuff", "heart", "skin", "steth"), InstrumentState.ready)
        self.sink: Consultation | None = None
        self.streams: dict[str, int] = {}
        self.picture = b"picture 1"
        self.expected = 0
        self.before_still: Callable[[], Any] | None = None

    def instruments(self) -> tuple[Instrument, ...]:
        kinds = {"cuff": InstrumentKind.blood_pressure, "heart": InstrumentKind.ecg,
                 "skin": InstrumentKind.skin_camera, "steth": InstrumentKind.stethoscope}
        return tuple(Instrument(number=n, instrument_id=i, kind=kinds[i], name=i, state=state)
                     for n, (i, state) in enumerate(self.states.items(), start=1))

    def become(self, instrument_id: str, state: InstrumentState) -> None:
        self.states[instrument_id] = state
        assert self.sink is not None
        self.sink.changed()

    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform:
        if self.states[instrument_id] is not InstrumentState.ready:
            raise NotThere
        self.streams[instrument_id] = stream_id
        return waveform(stream_id)

    async def stop_waveform(self, instrument_id: str) -> None:
        stream_id = self.streams.pop(instrument_id, None)
        if stream_id is not None and self.sink is not None:
            await self.sink.waveform_stopped(WaveformEnd(stream_id=stream_id, chunks=0))

    def expect(self) -> None:
        self.expected += 1

    def frames(self, instrument_id: str) -> FakeFrames:
        if self.states[instrument_id] is not InstrumentState.ready:
            raise NotThere
        return FakeFrames()

    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]:
        if self.before_still is not None:
            await self.before_still()
        return still(int(self.picture.split()[1]), self.picture), self.picture


class NotThere(Exception):
    code = "instrument.absent"


class FakePapers:
    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    async def ready(self, message: PrescriptionReady) -> None:
        self.said.append(("ready", message.prescription_id))

    async def print_again(self, prescription_id: str) -> None:
        raise NoPaper

    async def say_printed(self, prescription_id: str, printed: bool) -> None:
        self.said.append(("said", prescription_id, str(printed)))

    async def hand_over(self, prescription_id: str) -> None:
        self.said.append(("handed", prescription_id))


class NoPaper(Exception):
    code = "prescription.step"


class Bus:
    """A consultation with its fakes, and clocks that a test moves."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.time = START
        self.ticks = 0.0
        self.relay = FakeRelay()
        self.media = FakeMedia()
        self.instruments = FakeInstruments()
        self.papers = FakePapers()
        self.identity = Identity()
        self._moved = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Consultation]:
        """One life of the gateway; leaving it is like kill -9 for everything but the store."""
        async with Store(self.directory) as store:
            self.store = store
            self.consultation = Consultation(
                store=store, media=self.media, instruments=self.instruments, relay=self.relay, papers=self.papers,
                signer=self.identity, vehicle=VEHICLE, changed=self._moved.set, now=lambda: self.time,
                clock=lambda: self.ticks)
            self.instruments.sink = self.consultation
            task = asyncio.ensure_future(self.consultation.run())
            try:
                yield self.consultation
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def later(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        self.ticks += seconds
        return self.time

    async def do(self, body: CommandBody) -> KioskReply:
        return await self.consultation.command(body, NURSE)

    async def open(self, **more: Any) -> str:
        reply = await self.do(OpenEncounter(**{
            "patient": Patient(anonymous=True), "consent": True, "reason": Reason.heart,
            "urgency": Urgency.routine, **more}))
        assert reply.code is None, reply
        assert reply.encounter_id is not None
        return reply.encounter_id

    async def when(self, fits: Callable[[ConsultationView], bool]) -> ConsultationView:
        async with asyncio.timeout(WAIT):
            while not fits(view := self.consultation.view()):
                self._moved.clear()
                await self._moved.wait()
        return view

    async def assign(self, encounter_id: str, generation: int = 1, call_id: str = "call-1") -> CallOffer:
        await self.consultation.from_relay(CallAssigned(call_id=call_id, generation=generation,
                                                        encounter_id=encounter_id, doctor=DOCTOR))
        return await self.relay.sent.next(CallOffer)

    async def call(self, encounter_id: str | None = None, *, acknowledges: bool = True) -> tuple[Page, CallOffer]:
        """From an open encounter to a connected page."""
        if encounter_id is None:
            encounter_id = await self.open()
        await self.do(EnterWaiting())
        return await self.connect(encounter_id, await self.assign(encounter_id), Page(encounter_id, acknowledges))

    async def connect(self, encounter_id: str, offer: CallOffer, page: Page) -> tuple[Page, CallOffer]:
        await self.consultation.from_relay(self.identity.answer(offer, fingerprint()))
        peer = self.media.peers[-1]
        async with asyncio.timeout(WAIT):
            await peer.was_answered.wait()
        peer.connect(page)
        page.resume()
        await page.inbox.next(Situation)
        await self.when(lambda view: view.encounter is not None and view.encounter.stage == "in_call"
                        and view.encounter.call_code is None)
        return page, offer

    async def problem(self, page: Page) -> str:
        return (await page.inbox.next(ChannelProblem)).code

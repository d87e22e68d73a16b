"""The program whose power is cut: the gateway's own store and consultation, fed as fast as they commit.

It says each acknowledged item on standard output, one JSON line, after the gateway's code returned:
`{"reading": id}`, `{"still": id, "sha256": …}`, `{"chunk": [stream, number]}`, `{"paper": [id, state]}`,
`{"encounter": id}` and `{"ack": [encounter, seq]}`. `bench.powercut` reads them; any other program that speaks
these lines can take its place.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.media.events import PeerClosed, PeerEvents
from gateway.media.path import CallFigures
from gateway.media.scene_source import SceneSource
from gateway.session.consultation import Consultation
from gateway.session.seams import GuestLine, Peer
from gateway.store import Store
from gateway.store.writer import Durability
from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CameraView, Nurse, Uplink
from protocol.kiosk_commands import CaptureStill, KeepStill, OpenEncounter, StartWaveform
from protocol.prescription import PrescriptionState
from protocol.readings import (
    Chunk,
    Device,
    InstrumentKind,
    Quantity,
    Reading,
    ReadingKind,
    Still,
    StillQuality,
    Waveform,
)
from protocol.signalling import FromVehicle, PrescriptionReady
from protocol.values import IceServer, Patient, Reason, Urgency, VehicleCard

MODES = {"FULL": Durability("FULL", 2), "NORMAL": Durability("NORMAL", 1)}

NURSE = Nurse(nurse_id="bench", name="bench")
CUFF = Device(device_id="cuff", kind=InstrumentKind.blood_pressure, simulated=True)
HEART = Device(device_id="heart", kind=InstrumentKind.ecg, simulated=True)
CAMERA = Device(device_id="skin", kind=InstrumentKind.skin_camera, simulated=True)

CHUNK_SAMPLES = 13
"""0.1 s of one lead at 128 Hz, what the ECG's driver sends."""


def acknowledge(**item: object) -> None:
    """Tell the other side of the pipe, which has power."""
    os.write(1, (json.dumps(item) + "\n").encode())


class NoMedia:
    """Nobody calls: the cut is about what is kept."""

    camera = CameraView(present=False)
    microphone = False
    microphone_code: str | None = "microphone.missing"
    muted = False
    beside = False
    figures: CallFigures | None = None
    uplinks: tuple[Uplink, ...] = ()
    picture_code: str | None = None
    shown: str | None = None
    listening: str | None = None
    listening_code: str | None = None

    def mute(self, muted: bool) -> None:
        """There is nobody to hear it."""

    def show(self, source: SceneSource | None, name: str = "", *, beside: bool = False) -> None:
        """There is nobody to show it to."""

    def listen(self, instrument_id: str | None) -> None:
        """There is nobody to listen."""

    async def doctor_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> Peer:
        raise PeerClosed("no media here")

    async def guest_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> GuestLine:
        raise PeerClosed("no media here")

    def guest_figures(self, line: GuestLine) -> CallFigures | None:
        return None


class NoRelay:
    """A bus without a network."""

    online = reached = False

    def send(self, body: FromVehicle, acknowledged: Callable[[], None] | None = None) -> None:
        """Goes nowhere."""


class NoPapers:
    """The papers are stepped by the driver itself."""

    async def ready(self, message: PrescriptionReady) -> None: ...
    async def print_again(self, prescription_id: str) -> None: ...
    async def say_printed(self, prescription_id: str, printed: bool) -> None: ...
    async def hand_over(self, prescription_id: str) -> None: ...


class NoSigner:
    """Never asked."""

    vehicle_id = "bench"
    certificate_pem = ""

    def sign(self, statement: bytes) -> bytes:
        raise NotImplementedError

    def verify_doctor(self, certificate_pem: str, doctor_id: str) -> ec.EllipticCurvePublicKey:
        raise NotImplementedError


class Instruments:
    """A camera whose pictures are noise, and an ECG that is fed from outside."""

    def __init__(self, life: str) -> None:
        self._life = life
        self._stills = 0
        self.stream: int | None = None

    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(Instrument(number=n, instrument_id=device.device_id, kind=device.kind, name=device.device_id,
                                state=InstrumentState.ready, simulated=True)
                     for n, device in enumerate((CUFF, HEART, CAMERA), start=1))

    def expect(self) -> None:
        """No radio here."""

    def frames(self, instrument_id: str) -> SceneSource:
        raise PeerClosed("no live pictures here")

    async def start_waveform(self, instrument_id: str, stream_id: int) -> Waveform:
        self.stream = stream_id
        return Waveform(stream_id=stream_id, device=HEART, started_at=now(), rate_hz=Decimal(128),
                        scale=Decimal("0.001"), unit="mV", leads=(131329,))

    async def stop_waveform(self, instrument_id: str) -> None:
        self.stream = None

    async def capture_still(self, instrument_id: str) -> tuple[Still, bytes]:
        self._stills += 1
        data = b"\xff\xd8" + random.randbytes(random.randrange(8_000, 60_000))
        return Still(still_id=f"s-{self._life}-{self._stills}", device=CAMERA, taken_at=now(),
                     sha256=hashlib.sha256(data).hexdigest(), size=len(data), width=640, height=480,
                     quality=StillQuality.sharp), data


def now() -> datetime:
    return datetime.now(UTC)


class Driver:
    """One life of the process."""

    def __init__(self, store: Store, life: str) -> None:
        self._store = store
        self._life = life
        self._instruments = Instruments(life)
        self._consultation = Consultation(
            store=store, media=NoMedia(), instruments=self._instruments, relay=NoRelay(), papers=NoPapers(),
            signer=NoSigner(), vehicle=VehicleCard(vehicle_id="bench", name="bench", simulated=True),
            changed=lambda: None, now=now)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._consultation.run())
            encounter_id = await self._open()
            for work in (self._readings, self._stills, self._papers, self._acks):
                tasks.create_task(work(encounter_id))
            tasks.create_task(self._chunks())

    async def _open(self) -> str:
        """The encounter that the cut left open, or a new one."""
        record = await self._store.encounters.current()
        if record is not None:
            return record.encounter_id
        # A minute ago for the guard: what is measured now was begun in it.
        reply = await self._consultation.command(OpenEncounter(
            patient=Patient(anonymous=True), consent=True, reason=Reason.heart, urgency=Urgency.routine), NURSE)
        if reply.encounter_id is None:
            raise RuntimeError(f"no encounter: {reply.code}")
        acknowledge(encounter=reply.encounter_id)
        return reply.encounter_id

    async def _readings(self, _: str) -> None:
        n = 0
        while True:
            n += 1
            moment = now()
            value = Decimal(random.randrange(90, 180))
            reading = Reading(
                reading_id=f"r-{self._life}-{n}", kind=ReadingKind.blood_pressure, device=CUFF, received_at=moment,
                taken_at=moment + timedelta(milliseconds=1), device_time=f"{self._life} {n}", raw="1e" * 19,
                quantities=(Quantity(loinc="8480-6", mdc=150021, unit="mm[Hg]", value=value),))
            await self._consultation.reading(reading)
            acknowledge(reading=reading.reading_id)

    async def _stills(self, _: str) -> None:
        while True:
            await self._consultation.command(CaptureStill(instrument_id="skin"), NURSE)
            review = self._consultation.view().review
            if review is not None:
                reply = await self._consultation.command(KeepStill(still_id=review.still.still_id), NURSE)
                if reply.code is None:
                    acknowledge(still=review.still.still_id, sha256=review.still.sha256)

    async def _chunks(self) -> None:
        await self._consultation.command(StartWaveform(instrument_id="heart"), NURSE)
        stream, number = self._instruments.stream, 0
        while stream is not None:
            samples = tuple(random.randrange(-4000, 4000) for _ in range(CHUNK_SAMPLES))
            await self._store.waveforms.chunk(Chunk(stream, number, now().timestamp(), 1, samples))
            acknowledge(chunk=[stream, number])
            number += 1
            await asyncio.sleep(0.01)

    async def _papers(self, encounter_id: str) -> None:
        n = 0
        while True:
            n += 1
            paper = f"p-{self._life}-{n}"
            await self._store.prescriptions.arrived(paper, encounter_id, b"%PDF-1.7 " + secrets.token_bytes(20_000),
                                                    now())
            acknowledge(paper=[paper, "arrived"])
            for state in (PrescriptionState.printing, PrescriptionState.printed, PrescriptionState.handed_over):
                await self._store.prescriptions.step(paper, state, now())
                acknowledge(paper=[paper, state.value])

    async def _acks(self, encounter_id: str) -> None:
        """What the doctor's page acknowledged is not said to be unsent again."""
        while True:
            counts = await self._store.encounters.counts(encounter_id)
            if counts.unacknowledged:
                await self._store.events.acknowledge(encounter_id, counts.last_seq)
                acknowledge(ack=[encounter_id, counts.last_seq])
            await asyncio.sleep(0.02)


async def drive(directory: Path, life: str, durability: Durability) -> None:
    """Until the power goes."""
    async with Store(directory, durability=durability) as store:
        await Driver(store, life).run()


def main() -> None:
    """`python -m bench.powercut_driver --directory DIR --life NAME [--synchronous NORMAL]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--life", required=True)
    parser.add_argument("--synchronous", choices=sorted(MODES), default="FULL")
    options = parser.parse_args()
    asyncio.run(drive(options.directory, options.life, MODES[options.synchronous]))


if __name__ == "__main__":
    main()

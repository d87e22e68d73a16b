"""The composition root: builds the rooms, runs them in one TaskGroup, takes them down by a written ladder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

import structlog
from yarl import URL

from protocol.kiosk import Nurse, Power, PowerSource
from protocol.readings import Chunk, Reading, WaveformEnd
from protocol.signalling import CallLeft, Dismissed, ToVehicle, VehicleHealth
from protocol.values import Problem, VehicleCard

from . import aboard, decision_files, dial, health, metrics, rooms_config
from .config import GatewayConfig
from .exits import ExitCode, StartRefused, of_os_error
from .fitting import Fitting, fitted
from .heap import footprint
from .identity import DeviceIdentity, IdentityRefused
from .kiosk.access import Access, NurseEntry
from .kiosk.desk import Desk
from .kiosk.partners import KioskRefused
from .kiosk.server import KioskServer
from .kiosk_view import KioskRooms
from .link import LinkEvents, RelayLink
from .media.engine import MediaEngine
from .names import Names
from .notify import Notifier
from .paper_trail import SignatureCheck, StoreShelf
from .peripherals.config import RadioConfig
from .peripherals.recording import RecordingArrived
from .peripherals.supervisor import Supervisor
from .printing.cups import CupsPrinter
from .printing.fetch import fetch
from .printing.folder import FolderPrinter
from .printing.room import Printer, PrintRoom
from .session.consultation import Consultation
from .store import Store, StoreError
from .uplinks import Uplinks

log = structlog.get_logger()

ADDRESS_FILE = "relay-address.json"
"""In the data directory: the relay's address of last time, for a start where no name server answers."""

HEALTH_SECONDS = 60.0
"""The fleet's table is right to the minute, for 8 messages a second of 500 buses."""
LOOK_SECONDS = 5.0
"""Power and disk: a person who pulls the plug looks at the screen for about that long."""
GOODBYE_SECONDS = 1.0
"""At shutdown the relay may take that long to acknowledge what was said."""
ROOM_SECONDS = 5.0
"""A room that does not end within this never will: the store must still be closed within systemd's 15 s."""
AGAIN_SECONDS = 0.5
"""Closing peers and devices takes a few milliseconds each."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def release() -> str:
    """Our version."""
    try:
        return metadata.version("passerelle")
    except metadata.PackageNotFoundError:
        return "source"


class _Sink:
    """What instruments say goes to the consultation, which is made after them."""

    consultation: Consultation

    async def reading(self, reading: Reading) -> None:
        await self.consultation.reading(reading)

    async def recording(self, arrived: RecordingArrived) -> None:
        await self.consultation.recording(arrived)

    async def chunk(self, chunk: Chunk) -> None:
        await self.consultation.chunk(chunk)

    async def waveform_stopped(self, end: WaveformEnd) -> None:
        await self.consultation.waveform_stopped(end)

    def changed(self) -> None:
        self.consultation.changed()


class Gateway:
    """Everything in one vehicle's process."""

    def __init__(self, config: GatewayConfig, config_file: Path) -> None:
        self._config = config
        self._file = config_file
        self._release = release()
        self._stop = asyncio.Event()
        self._notifier = Notifier()
        self._problems = health.ProblemList()
        self._power = Power(source=PowerSource.unknown)
        self._disk_free: float | None = None
        self._report = asyncio.Event()
        self.kiosk_port = 0

    def stop(self) -> None:
        """Begin the shutdown; idempotent."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`. Raises StartRefused with a sentence; anything else is a mistake of ours."""
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._wire()
            try:
                await self._server.start()
            except KioskRefused as refused:
                raise StartRefused(ExitCode.configuration,
                                   f"kiosk.web: {refused.facts.get('path')} is not there; build the web client or "
                                   f"correct the path in {self._file}.") from refused
            except OSError as error:
                raise of_os_error(error, f"kiosk on {self._config.kiosk.host}:{self._config.kiosk.port}") from error
            stack.push_async_callback(self._server.stop)
            self.kiosk_port = self._server.port
            await self._run_rooms()

    async def _open(self, stack: AsyncExitStack) -> None:
        config = self._config
        try:
            self._identity = await asyncio.to_thread(DeviceIdentity.load, config.identity_directory)
        except IdentityRefused as error:
            what = "this vehicle is not enrolled; run `passerelle-gateway enrol CODE --relay URL --directory " \
                   f"{config.identity_directory}`" if error.code == "identity.not_enrolled" else \
                   f"the identity in {config.identity_directory} can't be used ({error.code}); enrol again"
            raise StartRefused(ExitCode.configuration, f"{what}.") from error
        self._store = Store(config.data_directory)
        stack.push_async_callback(self._store.close)
        try:
            await self._store.open()
        except StoreError as error:
            raise _store_refused(error, config.data_directory) from error
        try:
            self._stethoscope = rooms_config.stethoscope(config)
            self._configured = rooms_config.instruments(config)
        except ValueError as error:
            raise StartRefused(ExitCode.configuration, f"{self._file}: {error}.") from error
        try:
            ear = () if self._stethoscope is None else (self._stethoscope,)
            self._fitted = await fitted(self._store, (*self._configured, *ear))
        except StoreError as error:
            raise _store_refused(error, config.data_directory) from error
        self._tls = await asyncio.to_thread(self._identity.ssl_context)
        self._uplinks, self._names = Uplinks(config.media.interfaces), Names(config.data_directory / ADDRESS_FILE)
        self._http = await stack.enter_async_context(
            dial.session(self._names, lambda: self._uplinks.used, self._tls))
        await self._look()

    def _wire(self) -> None:
        config, identity = self._config, self._identity
        relay_url = config.relay.url or identity.vehicle.relay_url
        sink = _Sink()
        try:
            self._media = MediaEngine(rooms_config.media(config), self._media_changed)
            self._supervisor = Supervisor(
                self._fitted, RadioConfig(backend=config.radio.backend, address=config.radio.address), sink,
                aboard.entries(config.data_directory / "recordings"))
        except ValueError as error:
            raise StartRefused(ExitCode.configuration, f"{self._file}: {error}.") from error
        self._link = RelayLink(relay_url, identity, LinkEvents(
            received=self._received, up=self._up, changed=self._changed), uplinks=self._uplinks, names=self._names,
            seen=lambda: self._media.uplinks)
        self._signatures = SignatureCheck(self._store, identity.ca_pem, utc_now)
        self._papers = PrintRoom(
            StoreShelf(self._store), self._printer(), fetch=partial(fetch, self._http, URL(relay_url)),
            check=self._signatures, tell=self._link.send, now=utc_now)
        vehicle = VehicleCard(vehicle_id=identity.vehicle_id, name=identity.vehicle.name,
                              territory=identity.vehicle.territory, simulated=config.simulated,
                              certificate=identity.certificate_pem)
        self._instruments = aboard.Instruments(self._supervisor, self._media, self._stethoscope)
        self._seen = aboard.Media(self._media, self._stethoscope)
        self._consultation = Consultation(
            store=self._store, media=self._seen, instruments=self._instruments,
            relay=self._link, papers=self._papers, signer=identity, vehicle=vehicle, changed=self._changed,
            now=utc_now, demo=config.demo)
        sink.consultation = self._consultation
        nurses = tuple(NurseEntry(Nurse(nurse_id=nurse.id, name=nurse.name), nurse.pin_hash)
                       for nurse in config.nurse)
        access = Access(nurses, self._store.kiosk, utc_now)
        fitting = Fitting(self._supervisor, self._store, self._configured)
        rooms = KioskRooms(vehicle=vehicle, release=self._release, demo=config.demo, nurses=access.nurses,
                           consultation=self._consultation, media=self._media, supervisor=self._supervisor,
                           fitting=fitting, store=self._store, facts=self._facts, problems=self._problems_now,
                           now=utc_now)
        self._desk = Desk(rooms, access)
        self._consultation.chunks = self._desk.chunk
        self._server = KioskServer(host=config.kiosk.host, port=config.kiosk.port, web_directory=Path(config.kiosk.web),
                                   desk=self._desk, access=access, rooms=rooms, reports={
                                       "/metrics": (metrics.CONTENT_TYPE, lambda: metrics.exposition(self._measured())),
                                       "/health": ("application/json", lambda: metrics.health(self._measured()))})

    async def _run_rooms(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            rooms = [tasks.create_task(work, name=name) for name, work in (
                ("session", self._consultation.run()), ("media", self._media.run()),
                ("peripherals", self._supervisor.run()), ("printing", self._papers.run()),
                ("link", self._link.run()), ("kiosk", self._desk.run()), ("health", self._watch()),
                ("report", self._report_health()))]
            if (logs := rooms_config.media(self._config).decisions) is not None:
                rooms.append(tasks.create_task(_keep_decisions(logs), name="decisions"))
            if self._notifier.watchdog_seconds:
                rooms.append(tasks.create_task(self._notifier.keep_alive(), name="watchdog"))
            rooms.append(tasks.create_task(self._signatures.warm(), name="warm"))
            self._notifier.ready(f"kiosk on port {self.kiosk_port}")
            log.info("gateway.ready", release=self._release, port=self.kiosk_port)
            await self._stop.wait()
            self._notifier.stopping()
            log.info("gateway.stopping")
            # The ladder: nobody new comes in, the relay hears our last words, then the rooms end from
            # the top down (peers with media), and the exit stack closes the store last.
            await self._server.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._link.flushed()
            for room in reversed(rooms):
                await self._end(room)

    async def _end(self, room: asyncio.Task[None]) -> None:
        """End one room. A library may swallow a cancellation with an error of its own: it is said again."""
        deadline = time.monotonic() + ROOM_SECONDS
        while not room.done() and time.monotonic() < deadline:
            room.cancel()
            await asyncio.wait([room], timeout=AGAIN_SECONDS)
        if not room.done():
            log.critical("gateway.room_hangs", room=room.get_name())
            await self._store.close()
            # What was acknowledged is on disk; waiting longer would only meet systemd's SIGKILL.
            os._exit(ExitCode.software)

    def _printer(self) -> Printer:
        table = self._config.printer
        return CupsPrinter(table.target) if table.kind == "cups" else FolderPrinter(Path(table.target))

    async def _received(self, body: ToVehicle) -> None:
        if isinstance(body, Dismissed):
            log.warning("link.dismissed", code=body.code)
            await self._end_call(body.code)
        await self._consultation.from_relay(body)

    async def _end_call(self, code: str) -> None:
        """A vehicle that is no longer trusted sends nobody a picture; the encounter stays open."""
        if not code.startswith("vehicle."):
            return
        record = await self._store.encounters.current()
        if record is not None and record.call is not None:
            await self._consultation.from_relay(CallLeft(call_id=record.call.call_id, finished=False))

    async def _up(self, resumed: bool) -> None:
        self._consultation.relay_up(resumed)
        self._report.set()

    def _changed(self) -> None:
        self._desk.changed()

    def _media_changed(self) -> None:
        self._consultation.media_changed()
        self._changed()

    def _facts(self) -> health.Facts:
        return health.Facts(
            link=self._link.view, certificate_days=self._identity.certificate_days(),
            certificate_code=self._identity.certificate_code(), camera=self._media.camera,
            instruments=self._instruments.instruments(), shared=self._supervisor.problems(), power=self._power,
            disk_free_share=self._disk_free, store_code=self._consultation.view().problem,
            printer_code=self._papers.problem, encoder_code=self._media.encoder_code)

    def _measured(self) -> metrics.Measured:
        view = self._consultation.view()
        return metrics.Measured(
            release=self._release, facts=self._facts(), problems=self._problems_now(), unsent=view.unsent,
            uplinks=self._media.uplinks, quality=self._consultation.quality, figures=self._seen.figures,
            totals=self._consultation.totals, microphone_code=view.microphone_code, encoder=self._seen.encoder,
            guests=self._consultation.guest_paths, footprint=footprint())

    def _problems_now(self) -> tuple[Problem, ...]:
        return self._problems.update(health.found(self._facts()), utc_now())

    async def _watch(self) -> None:
        """Look at what tells nobody when it changes."""
        before: tuple[object, ...] = ()
        while True:
            await self._look()
            now = (self._power, self._disk_free is not None and self._disk_free < health.DISK_FREE_SHARE,
                   self._problems_now())
            if now != before:
                before = now
                self._report.set()
                self._changed()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        self._power = await asyncio.to_thread(health.read_power)
        self._disk_free = await asyncio.to_thread(health.disk_free_share, self._config.data_directory)

    async def _report_health(self) -> None:
        """Tell the fleet each minute and on change."""
        while True:
            if self._link.online:
                self._link.send(self._health())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEALTH_SECONDS):
                    await self._report.wait()
            self._report.clear()

    def _health(self) -> VehicleHealth:
        return health.report(self._release, self._problems_now(), self._facts(), self._consultation.view().unsent,
                             self._config.simulated, self._consultation.summary)


async def _keep_decisions(folder: Path) -> None:
    """Bound the logs of decisions; a disk that refuses is said once and ends nothing."""
    unkept = False
    while True:
        try:
            await asyncio.to_thread(decision_files.prepare, folder)
            deleted = await asyncio.to_thread(decision_files.prune, folder, time.time())
            if deleted:
                log.info("decisions.pruned", files=deleted)
            unkept = False
        except OSError as error:
            if not unkept:
                log.warning("decisions.unkept", error=type(error).__name__)
            unkept = True
        await asyncio.sleep(decision_files.PRUNE_SECONDS)


async def serve(config: GatewayConfig, config_file: Path) -> None:
    """Run until SIGTERM or SIGINT."""
    gateway = Gateway(config, config_file)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    await gateway.run()


def _store_refused(error: StoreError, directory: Path) -> StartRefused:
    sentences = {
        "store.full": (ExitCode.cannot_create, f"{directory}: the disk is full; make room and start again."),
        "store.permission": (ExitCode.permission,
                             f"{directory}: no permission; give the folder to the user this runs as."),
        "store.in_use": (ExitCode.unavailable, f"{directory}: another gateway uses this folder; stop it first."),
        "store.newer": (ExitCode.configuration,
                        f"{directory}: written by a newer release; install that release again."),
        "store.corrupt": (ExitCode.cannot_create,
                          f"{directory}: the database is damaged; set it aside, keep it, and call support."),
    }
    code, sentence = sentences.get(error.code, (ExitCode.cannot_create,
                                                f"{directory}: the store can't be opened ({error.code})."))
    return StartRefused(code, sentence)

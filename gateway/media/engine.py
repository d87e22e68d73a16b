"""The media room's front door: one camera, one encoder, the peers of now."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import structlog

from protocol.kiosk import CameraView, Uplink
from protocol.values import IceServer

from . import hardware, interfaces
from .camera import CameraReader, CameraState
from .company import Company
from .compose import Captured
from .config import EncoderChoice, MediaConfig
from .congestion.budget import WHOLE_KBPS
from .decisions import DecisionLog
from .encoder import CameraEncoder, EncodedFrame
from .events import MediaError, MediaRefused, PeerClosed, PeerEvents, PeerState
from .hooks import GatewayConnection
from .kiosk_peer import KioskPeer
from .mailbox import Mailbox
from .path import CallFigures, Path
from .peers import Peer
from .picture import SELF_VIEW_KBPS, PictureFlow
from .picture_outlet import CameraOutlet
from .precedence import DoctorsPath, Precedence
from .remote_peers import DoctorPeer, GuestPeer, RemotePeer, ice_servers
from .scene_source import Scene, SceneSource
from .sound import THIN, WIDE, SoundPacket
from .stethoscope import Stethoscope
from .track import uplinks

TICK_SECONDS = 0.25
"""Resolution of the watchdogs: 3 s of silence are noticed within 3.25 s."""

SOUND_PACKETS = 10
"""Of the stethoscope's sound, 200 ms; a loop that is later than that drops the oldest."""

THIN_KBPS = 400
"""Where the picture has less than this, or believes so little more that it may be wrong, the stethoscope's sound
takes its smaller form: heart sounds lose nothing by it (flat within 0.4 dB), packets are half as many."""

_T = TypeVar("_T")
_P = TypeVar("_P", bound=RemotePeer)

_log = structlog.get_logger()


class MediaEngine:
    """Owns the threads and the peers. `changed` is called in the loop when camera or microphone change."""

    def __init__(self, config: MediaConfig, changed: Callable[[], None]) -> None:
        self._config = config
        self._changed = changed
        self._company = Company()
        self._precedence: Precedence[GuestPeer] = Precedence()
        self._camera_state = CameraState(present=False, code="camera.missing")
        self._microphone: str | None = "microphone.missing"
        self._voice_kbps = WHOLE_KBPS
        self._lookout = interfaces.Lookout(config.interfaces, changed)
        self._closings: set[asyncio.Task[None]] = set()
        """Of peers that are over and still give back what they hold."""
        mailbox: Mailbox[Captured] = Mailbox()
        self._picture = PictureFlow(lambda: self._company.everybody, changed, self._watch_room)
        self._scene = Scene(mailbox, self._from_thread_scene)
        self._reader = CameraReader(config.camera, self._scene, self._from_thread_camera)
        self._encoder = CameraEncoder(mailbox, self._from_thread_frame, self._picture.rungs, SELF_VIEW_KBPS * 1000)
        self._picture.feed(self._encoder)
        self._encoder_name = "x264"
        self._encoder_code: str | None = None
        self._sounds: asyncio.Queue[SoundPacket] = asyncio.Queue(SOUND_PACKETS)
        self._stethoscope = (Stethoscope(config.stethoscope, changed, self._take_sound)
                             if config.stethoscope is not None else None)
        self._turn_tls = ssl.create_default_context(cafile=config.turn_ca) if config.turn_ca else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decisions = DecisionLog(config.decisions) if config.decisions is not None else None

    @property
    def paths(self) -> tuple[CallFigures, ...]:
        """One per connected doctor, as of now; ask once a second."""
        return tuple(figures for doctor in self._company.doctors if (figures := self.figures_of(doctor)) is not None)

    @property
    def picture_code(self) -> str | None:
        """`picture.paused_thin` while no doctor's path has room for a picture: sound and readings go on."""
        return "picture.paused_thin" if self._picture.thin else None

    @property
    def camera(self) -> CameraView:
        """What the ready check and the bar say of the room camera."""
        state, config = self._camera_state, self._config.camera
        return CameraView(present=state.present, name=config.name[:200], width=state.width, height=state.height,
                          frames_per_second=config.frames_per_second if state.present else 0, code=state.code,
                          simulated=config.simulated)

    @property
    def encoder(self) -> str:
        """What makes H.264: `x264`, or the element that drives the machine's own encoder."""
        return self._encoder_name

    @property
    def encoder_code(self) -> str | None:
        """Why it is not what the configuration asks for, or failed in a call; None: nothing is wrong."""
        return self._encoder_code

    @property
    def uplinks(self) -> tuple[Uplink, ...]:
        """The interfaces a call may use, the preferred one first, and what the call of now knows of each."""
        doctor = self._company.speaker
        return uplinks(self._lookout.seen, doctor.paths if doctor is not None else (), self._config.operators)

    @property
    def shown(self) -> str | None:
        """The examination camera whose pictures the peers get, as named in `show`; None: the room's."""
        return self._scene.shown

    @property
    def beside(self) -> bool:
        """Whether the room stands beside the examination camera that was asked for."""
        return self._scene.beside

    @property
    def shown_code(self) -> str | None:
        """Why the last examination camera went away by itself; None when it was sent away, and while one is shown."""
        return self._scene.code

    @property
    def stethoscope(self) -> Stethoscope | None:
        """Its state, problem and level; None when there is none on board. Open it by `listen`."""
        return self._stethoscope

    @property
    def microphone(self) -> bool:
        """Whether packets of sound come from the kiosk's browser."""
        return self.microphone_code != "microphone.missing"

    @property
    def microphone_code(self) -> str | None:
        """Why the bus is not to be heard, muted or not: `microphone.missing`, `microphone.silent`; None: it is."""
        kiosk = self._company.kiosk
        return "microphone.missing" if kiosk is None else kiosk.voice_in.hearing.code(time.monotonic())

    @property
    def voice_kbps(self) -> int:
        """What the touchscreen's page may take for the voice (kbit/s): fewer while a path is very thin. `changed` is
        called when it changes."""
        return self._voice_kbps

    @property
    def muted(self) -> bool:
        """Whether `mute` holds."""
        return self._company.muted

    def mute(self, muted: bool) -> None:
        """The kiosk's voice goes to nobody, whatever its page sends, from the next packet on. An open stethoscope is
        heard all the same: it is another microphone, opened on purpose."""
        if self._company.muted and not muted and self._company.kiosk is not None:
            self._company.kiosk.voice_in.hearing.anew(time.monotonic())
        self._company.muted = muted

    async def run(self) -> None:
        """Until cancelled; then closes every peer and ends the threads."""
        self._loop = asyncio.get_running_loop()
        self._reader.start()
        self._encoder.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._picture.send())
                tasks.create_task(self._find_encoder())
                tasks.create_task(self._watch())
                tasks.create_task(self._picture.drive())
                if self._decisions is not None:
                    tasks.create_task(self._decisions.run())
                tasks.create_task(self._send_sounds())
                tasks.create_task(self._lookout.run())
                if self._stethoscope is not None:
                    tasks.create_task(self._stethoscope.run())
        finally:
            await _to_its_end(self._stop())

    async def doctor_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> DoctorPeer:
        """A new peer connection for a doctor's page. MediaRefused when an ICE server's address is none."""
        peer = self._remote(DoctorPeer, servers, events)
        if self._stethoscope is not None and self._stethoscope.wanted:
            peer.path.beside(self._stethoscope.profile.on_the_wire)
        self._company.doctors.append(peer)
        return peer

    async def guest_peer(self, servers: Sequence[IceServer], events: PeerEvents) -> GuestPeer:
        """A new peer connection for a guest's page. MediaRefused when an ICE server's address is none."""
        peer = self._remote(GuestPeer, servers, events)
        if peer.camera is not None:
            peer.camera.modest = True
        # Until it is known what the doctor leaves.
        peer.path.limit(0)
        self._company.guests.append(peer)
        return peer

    async def kiosk_peer(self, events: PeerEvents) -> KioskPeer:
        """A new peer connection for the touchscreen's page; an older one is closed."""
        # Two pages may ask at once: whoever came while we waited is closed too.
        while (old := self._company.kiosk) is not None:
            await old.close()
        connection = GatewayConnection([], lambda: interfaces.choose(interfaces.present(), (interfaces.LOOPBACK,)))
        self._company.kiosk = KioskPeer(connection, events, self, self._company, CameraOutlet(self._encoder, None))
        return self._company.kiosk

    def show(self, source: SceneSource | None, name: str = "", beside: bool = False) -> None:
        """Send the pictures of an examination camera in the room camera's place, from its first one on; None: the
        room's again. `beside`: with the room's small next to it. `source` is closed by the engine, at once when the
        camera of that name is shown already: only `beside` changes then. When it fails the room comes back and
        `changed` is called."""
        self._scene.show(source, name, beside)
        self._scene_turned()

    def listen(self, on: bool) -> None:
        """The stethoscope's sound to every doctor, or silence: then no packet is sent. Nothing without a stethoscope.

        The sound goes before the picture, which gives way at once by what the sound needs.
        """
        stethoscope = self._stethoscope
        if stethoscope is None or on == stethoscope.wanted:
            return
        rates = [doctor.camera.rate for doctor in self._company.doctors
                 if doctor.camera is not None and doctor.camera.rate is not None]
        if not on:
            stethoscope.close()
            for rate in rates:
                rate.alone()
            return
        thin = min((rate.target for rate in rates), default=0) < THIN_KBPS * 1000
        profile = THIN if thin and rates else WIDE
        for rate in rates:
            rate.beside(profile.on_the_wire)
        stethoscope.open(profile)

    def figures_of(self, peer: RemotePeer) -> CallFigures | None:
        """Of its path and picture, as of now. None: no picture can be sent to it yet, or it has just failed."""
        if peer.camera is None or not peer.camera.open:
            return None
        with peer.alone("figures"):
            rung = self._picture.rung(peer.camera, detail=self._scene.shown is not None)
            return CallFigures(peer.path.target // 1000, peer.path.held, rung.quarters, rung.frames_per_second,
                               peer.camera.keyframes, *peer.local_candidate, peer.path.figures, peer.camera.lines)
        return None

    def peer_changed(self) -> None:
        """A peer connected, fell silent or ended."""
        for peer in (self._company.speaker, *self._company.visitors[:1]):
            if peer is not None:
                peer.picture_in.want_keyframe()
        self._picture.update(time.monotonic())

    def retire(self, peer: Peer, closing: asyncio.Task[None]) -> None:
        """Forget it now; `closing` is waited for at the end."""
        self._company.forget(peer)
        self._closings.add(closing)
        closing.add_done_callback(self._closings.discard)

    def _remote(self, kind: type[_P], servers: Sequence[IceServer], events: PeerEvents) -> _P:
        config = self._config
        rate = Path(config.floor_kbps * 1000, config.start_kbps * 1000, config.ceiling_kbps * 1000,
                    self._decisions.open() if self._decisions is not None else None)
        try:
            connection = GatewayConnection(
                ice_servers(servers), lambda: interfaces.choose(interfaces.present(), config.interfaces),
                relay_only=config.relay_only, tls=self._turn_tls, lasting=kind is DoctorPeer)
            return kind(connection, events, self, self._company, CameraOutlet(self._encoder, rate), rate)
        except ValueError as error:
            raise MediaRefused("media.ice_server_bad", str(error)) from error

    def _give_way(self, now: float) -> None:
        """The doctor's picture first, the guests' in what is left."""
        doctor, path = self._company.speaker, None
        # Of a doctor whose own network is gone nothing is known, and there is nobody to spare.
        if doctor is not None and doctor.camera is not None and doctor.camera.open and not doctor.path.blind:
            path = DoctorsPath(doctor.path.target, doctor.path.held)
        watching = [guest for guest in self._company.guests if guest.camera is not None and guest.camera.open]
        for guest, most in self._precedence.step(path, watching, now).items():
            with guest.alone("path"):
                guest.path.limit(most)

    async def _send_sounds(self) -> None:
        while True:
            packet = await self._sounds.get()
            for doctor in tuple(self._company.doctors):
                await doctor.send_sound(packet)

    def _take_sound(self, packet: SoundPacket) -> None:
        if self._sounds.full():
            self._sounds.get_nowait()
        self._sounds.put_nowait(packet)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = time.monotonic()
            for peer in self._company.everybody:
                await peer.tick(now)
            if self._scene.check(now):
                self._scene_turned()
            self._give_way(now)
            self._picture.update(now)
            voice_kbps = min((peer.path.voice_kbps for peer in self._company.remotes), default=WHOLE_KBPS)
            if voice_kbps != self._voice_kbps:
                self._voice_kbps = voice_kbps
                _log.info("voice.kbps", kbps=voice_kbps)
                self._changed()
            if (microphone := self.microphone_code) != self._microphone:
                self._microphone = microphone
                _log.info("microphone.present" if microphone is None else microphone)
                self._changed()

    async def _find_encoder(self) -> None:
        choice = self._config.encoder
        if choice is EncoderChoice.x264:
            return
        element, verdict = await asyncio.to_thread(hardware.find, choice)
        _log.info("encoder.chosen", encoder=element or "x264", why=verdict.value)
        if element is not None:
            self._encoder_name = element
            self._encoder.use(hardware.Hardware(element, lambda: self._post(self._encoder_lost, None)))
        elif choice is not EncoderChoice.auto:
            self._encoder_code = verdict.value
            self._changed()

    def _encoder_lost(self, _: None) -> None:
        self._encoder_name, self._encoder_code = "x264", hardware.Verdict.failed.value
        self._changed()

    def _watch_room(self, watched: bool) -> None:
        # While an examination camera alone is shown, the room's pictures are read but not decoded.
        self._reader.watch(watched and (self._scene.shown is None or self._scene.beside))

    async def _stop(self) -> None:
        self._scene.show(None, "")
        # Beside each other: a gateway that ends waits no longer for three dead sockets than for one.
        await asyncio.gather(*(peer.close() for peer in self._company.everybody))
        if self._closings:
            await asyncio.wait(self._closings)
        await asyncio.to_thread(self._reader.stop)
        await asyncio.to_thread(self._encoder.stop)

    def _from_thread_camera(self, state: CameraState) -> None:
        self._post(self._set_camera, state)

    def _from_thread_scene(self) -> None:
        self._post(lambda _: self._scene_turned(), None)

    def _from_thread_frame(self, frame: EncodedFrame) -> None:
        # The encoders keep at most IN_FLIGHT_MAX each on their way, so the queue is never full.
        self._post(self._picture.frames.put_nowait, frame)

    def _post(self, call: Callable[[_T], None], value: _T) -> None:
        if self._loop is not None:
            # RuntimeError: the loop closed while a thread was ending.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, value)

    def _scene_turned(self) -> None:
        self._scene.check(time.monotonic())
        self._picture.update(time.monotonic())
        self._changed()

    def _set_camera(self, state: CameraState) -> None:
        self._camera_state = state
        self._changed()


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Whoever cancels meanwhile, and however often: cancelled once it is done."""
    task, cancelled = asyncio.create_task(work, name="media.stop"), False
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            cancelled = True
    try:
        task.result()
    finally:
        if cancelled:
            raise asyncio.CancelledError


__all__ = ["DoctorPeer", "KioskPeer", "MediaEngine", "MediaError", "MediaRefused", "PeerClosed", "PeerEvents",
           "PeerState"]

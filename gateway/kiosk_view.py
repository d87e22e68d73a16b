"""Everything the touchscreen sees and does, put together from the rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from protocol.kiosk import KioskReply, KioskState, Link, Nurse
from protocol.kiosk_commands import CommandBody
from protocol.values import Problem, VehicleCard

from .fitting import Fitting, PairingCommand
from .health import Facts
from .kiosk.partners import LocalPeer
from .media.engine import MediaEngine
from .media.events import PeerState
from .media.track import operator_of
from .peripherals.supervisor import Supervisor
from .session.consultation import Consultation
from .store import Store


class _LocalEvents:
    """Tells when the local peer connection is over; it has no data channels."""

    def __init__(self, closed: Callable[[], None]) -> None:
        self._closed = closed

    def peer_state(self, state: PeerState) -> None:
        if state is PeerState.closed:
            self._closed()

    def local_candidate(self, candidate: str) -> None:
        """Loopback does not change."""

    def channel_open(self, channel: str) -> None:
        """The local connection has none."""

    def channel_message(self, channel: str, data: str | bytes) -> None:
        """The local connection has none."""


class KioskRooms:
    """Implements `kiosk.partners.Rooms`."""

    def __init__(self, *, vehicle: VehicleCard, release: str, demo: bool, nurses: tuple[Nurse, ...],
                 consultation: Consultation, media: MediaEngine, supervisor: Supervisor, fitting: Fitting, store: Store,
                 facts: Callable[[], Facts], problems: Callable[[], tuple[Problem, ...]],
                 now: Callable[[], datetime]) -> None:
        # The page needs no certificate, and gets this ten times a second.
        self._vehicle = VehicleCard(vehicle_id=vehicle.vehicle_id, name=vehicle.name, territory=vehicle.territory,
                                    simulated=vehicle.simulated)
        self._release, self._demo, self._nurses = release, demo, nurses
        self._consultation, self._media, self._supervisor, self._store = consultation, media, supervisor, store
        self._fitting = fitting
        self._facts, self._problems, self._now = facts, problems, now

    async def restored(self) -> None:
        """Until the open encounter was read back from the store."""
        await self._consultation.restored()

    def state(self, nurse: Nurse | None) -> KioskState:
        """The whole state; without a nurse nothing of a patient, not even that there is one."""
        facts = self._facts()
        uplinks = self._media.uplinks
        link = Link(relay=facts.link.state, since=facts.link.since, round_trip_ms=facts.link.round_trip_ms,
                    operator=operator_of(uplinks), uplinks=uplinks)
        if nurse is None:
            return KioskState(revision=0, now=self._now(), vehicle=self._vehicle, release=self._release, link=link,
                              power=facts.power, demo=self._demo, nurses=self._nurses, problems=self._problems())
        view = self._consultation.view()
        return KioskState(
            revision=0, now=self._now(), vehicle=self._vehicle, release=self._release, link=link, power=facts.power,
            demo=self._demo, nurse=nurse, nurses=self._nurses, outbox=view.unsent, problems=self._problems(),
            camera=facts.camera, microphone=self._media.microphone, instruments=view.instruments,
            cuff=self._supervisor.cuff, review=view.review, encounter=view.encounter, tray=view.tray,
            unfinished=view.unfinished, pairing=self._fitting.pairing, passkey=self._fitting.passkey,
            shown=view.shown, listening=view.listening, beside=view.beside, microphone_muted=view.muted,
            microphone_code=view.microphone_code, voice_kbps=self._media.voice_kbps)

    async def command(self, body: CommandBody, nurse: Nurse) -> KioskReply:
        """See `session.consultation`, and `fitting` for what becomes an instrument."""
        if isinstance(body, PairingCommand):
            return await self._fitting.command(body)
        return await self._consultation.command(body, nurse)

    async def local_peer(self, closed: Callable[[], None]) -> LocalPeer:
        """A new local peer connection; the older one is closed."""
        return await self._media.kiosk_peer(_LocalEvents(closed))

    async def still(self, still_id: str) -> bytes:
        """JPEG of a still. Raises StoreConflict, StoreError."""
        return await self._store.stills.data(still_id)

    async def prescription(self, prescription_id: str) -> bytes:
        """PDF of a prescription. Raises StoreConflict, StoreError."""
        return await self._store.prescriptions.pdf(prescription_id)

    def preview(self, instrument_id: str) -> AsyncIterator[bytes]:
        """See `peripherals.supervisor`."""
        return self._supervisor.preview(instrument_id)

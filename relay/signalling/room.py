"""The waiting room as doctors and vehicles see it: entries, vehicles' cards, snapshots on every change."""

from __future__ import annotations

import asyncio

import msgspec

from protocol.limits import SIGNALLING_MESSAGE_BYTES
from protocol.signalling import Place, Queue, QueueEntry, Role
from protocol.values import VehicleCard

from .frames import encode
from .partners import Registry
from .presence import Client, Presence
from .waiting import QUEUE_ENTRIES, Waiting, ordered, places

SNAPSHOT_SECONDS = 0.1
"""Changes within a tenth of a second travel together: a storm of 500 vehicles makes ten snapshots a second."""


class WaitingRoom:
    """Who waits, and telling everybody."""

    def __init__(self, presence: Presence, registry: Registry) -> None:
        self._presence = presence
        self._registry = registry
        self._entries: dict[str, Waiting] = {}
        self._cards: dict[str, VehicleCard] = {}
        self._said: dict[str, Place] = {}
        self._changed = asyncio.Event()

    def entry(self, encounter_id: str) -> Waiting | None:
        """An encounter that waits or was taken."""
        return self._entries.get(encounter_id)

    def card(self, vehicle_id: str) -> VehicleCard:
        """A vehicle's card as it was last read."""
        return self._cards.get(vehicle_id) or VehicleCard(vehicle_id=vehicle_id, name=vehicle_id)

    async def read_card(self, vehicle_id: str) -> VehicleCard:
        """Read a vehicle's card from the registry again."""
        before = self._cards.get(vehicle_id)
        try:
            self._cards[vehicle_id] = await self._registry.vehicle_card(vehicle_id)
        except LookupError:
            self._cards.pop(vehicle_id, None)
        if self._cards.get(vehicle_id) != before:
            # Vehicles say their health each minute: only a change is worth a snapshot for everybody.
            self.changed()
        return self.card(vehicle_id)

    async def put(self, waiting: Waiting, *, doctor_id: str = "", doctor: str = "") -> None:
        """Let an encounter wait, or show who took it."""
        if waiting.vehicle_id not in self._cards:
            await self.read_card(waiting.vehicle_id)
        self._entries[waiting.encounter_id] = msgspec.structs.replace(waiting, doctor_id=doctor_id, doctor=doctor)
        self.changed()

    def remove(self, encounter_id: str) -> None:
        """Take an encounter out."""
        if self._entries.pop(encounter_id, None) is not None:
            self._said.pop(encounter_id, None)
            self.changed()

    def remove_waiting_of(self, vehicle_id: str) -> None:
        """Take out what a vehicle had waiting; what a doctor has taken stays."""
        for entry in tuple(self._entries.values()):
            if entry.vehicle_id == vehicle_id and not entry.doctor_id:
                self.remove(entry.encounter_id)

    def changed(self) -> None:
        """Something that the snapshots show is another one now."""
        self._changed.set()

    def repeat_places(self, vehicle_id: str) -> None:
        """A vehicle came back: say its places again."""
        for entry in self._entries.values():
            if entry.vehicle_id == vehicle_id:
                self._said.pop(entry.encounter_id, None)
        self.changed()

    def queue(self) -> Queue:
        """The queue, as many entries as one message holds; those further down follow when they move up."""
        entries = [self._shown(entry) for entry in ordered(self._entries.values())[:QUEUE_ENTRIES]]
        while len(encode(Role.doctor, 0, 2**53 - 1, Queue(entries=tuple(entries))).encode()) > SIGNALLING_MESSAGE_BYTES:
            entries = entries[: len(entries) * 3 // 4]
        return Queue(entries=tuple(entries))

    def show_queue(self, doctor: Client) -> None:
        """The queue for a page that has just come."""
        self._presence.show(doctor, self.queue())

    async def run(self) -> None:
        """Tell everybody after each change, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            doctors = self._presence.clients(Role.doctor)
            if doctors:
                queue = self.queue()
                for doctor in doctors:
                    self._presence.show(doctor, queue)
            self._say_places(len(doctors))
            await asyncio.sleep(SNAPSHOT_SECONDS)

    def _say_places(self, doctors: int) -> None:
        for encounter_id, place in places(self._entries.values()).items():
            body = Place(encounter_id=encounter_id, place=place, doctors=doctors)
            vehicle = self._presence.sessions.of(Role.vehicle, self._entries[encounter_id].vehicle_id)
            if vehicle is not None and self._said.get(encounter_id) != body:
                self._presence.show(vehicle, body)
                self._said[encounter_id] = body

    def _shown(self, entry: Waiting) -> QueueEntry:
        # The certificate comes with the call: 200 of them would not fit in one message.
        card = msgspec.structs.replace(self.card(entry.vehicle_id), certificate="")
        return QueueEntry(encounter_id=entry.encounter_id, vehicle=card, reason=entry.reason, urgency=entry.urgency,
                          waiting_since=entry.since, online=self._presence.attached(Role.vehicle, entry.vehicle_id),
                          taken_by=entry.doctor)

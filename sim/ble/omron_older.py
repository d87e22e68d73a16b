"""An older Omron cuff (HEM-7322T): no standard service, its EEPROM is read block by block once a key has unlocked it.

userx14/omblepy omblepy.py and deviceSpecific/hem-7322t-d.py. Packets are cut into pieces of sixteen bytes, one a
channel; the exclusive or of a whole packet is 0. A key is taken in the pairing mode only (`-P-` on its display).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from bumble import att
from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button, number, whole
from ..cuff_frames import Record
from ..patient import Patient
from .instrument import PROPERTIES, Instrument
from .plate import Plate

SERVICE: Final = "ECBE3980-C9A2-11E1-B1BD-0002A5D5C51B"
UNLOCK: Final = "B305B680-AEE7-11E1-A730-0002A5D5C51B"
FROM_CUFF: Final = ("49123040-AEE8-11E1-A74D-0002A5D5C51B", "4D0BF320-AEE8-11E1-A0D9-0002A5D5C51B",
                    "5128CE60-AEE8-11E1-B84B-0002A5D5C51B", "560F1420-AEE8-11E1-8184-0002A5D5C51B")
TO_CUFF: Final = ("DB5B55E0-AEE7-11E1-965E-0002A5D5C51B", "E0B8A060-AEE7-11E1-92F4-0002A5D5C51B",
                  "0AE12B00-AEE8-11E1-A192-0002A5D5C51B", "10E1BA60-AEE8-11E1-89E5-0002A5D5C51B")

PLATE: Final = Plate("HEM-7322T Simulé", "D0:5F:B8:73:22:01", InstrumentKind.blood_pressure, "omron-eeprom",
                     "OMRON (simulé)", "HEM-7322T (simulé)", "SIM-7322-0001", ("FE4A",), company=b"\x0e\x02\x01")

PIECE: Final = 16
SIZE: Final = 0x1000
FIRST_SLOT: Final = 0x02AC
SLOTS: Final = 100
SLOT: Final = 14
COUNTERS: Final = 0x0260
"""Slot written last and records not read, two users each, 16 bits."""
LARGEST_BLOCK: Final = 0x38
START, READ, WRITE, END = 0x0000, 0x0100, 0x01C0, 0x0F00
SYSTOLIC_OFFSET: Final = 25
CUFF_FITS: Final = 1 << 12
PROGRAM, KEY, OPEN = 0x02, 0x00, 0x01
GRANTED, DENIED = 0x00, 0x0F


def slot(record: Record) -> bytes:
    """Fourteen bytes, bits counted from the highest: dia 8, sys 8, year 8, pulse 8, movement, irregular, month 4,
    day 5, hour 5, position 2, battery, cuff, minute 6, second 6; zeros. A clock that was never set writes zeros."""
    pressure, taken = record.pressure, record.device_time
    if pressure is None:
        return b"\xff" * SLOT
    whole_number = (pressure.diastolic << 56 | pressure.systolic - SYSTOLIC_OFFSET << 48 | pressure.pulse << 32
                    | (record.status & 1) << 31 | (record.status >> 2 & 1) << 30 | CUFF_FITS)
    if taken is not None:
        whole_number |= ((taken.year - 2000) << 40 | taken.month << 26 | taken.day << 21 | taken.hour << 16
                         | taken.minute << 6 | taken.second)
    return whole_number.to_bytes(8, "big") + bytes(SLOT - 8)


def packet(kind: int, address: int, data: bytes = b"", size: int | None = None) -> bytes:
    """Length, kind, address, size of the data, the data, 0, checksum."""
    head = (bytes([len(data) + 8]) + kind.to_bytes(2, "big") + address.to_bytes(2, "big")
            + bytes([len(data) if size is None else size]) + data + b"\0")
    checksum = 0
    for octet in head:
        checksum ^= octet
    return head + bytes([checksum])


class OlderOmron(Instrument):
    """The instrument."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.eeprom = bytearray(b"\xff" * SIZE)
        self.eeprom[COUNTERS:COUNTERS + 8] = bytes(8)
        self.key: bytes | None = None
        self.programming = False
        self.unlocked = False
        self.transmitting = False
        self._pieces: dict[int, bytes] = {}

    def services(self) -> list[Service]:
        def lock(_: Any, data: bytes) -> None:
            self.spawn(self._unlock(data))

        unlock: att.AttributeValue[bytes] = att.AttributeValue(write=lock)
        self._lock = self.sending(UNLOCK, more=PROPERTIES.WRITE, value=unlock)
        self._from: list[Characteristic[Any]] = [self.sending(uuid) for uuid in FROM_CUFF]
        into = [self.answering(uuid, write=lambda data, channel=channel: self._piece(channel, data),  # type: ignore[misc]
                               without_response=True) for channel, uuid in enumerate(TO_CUFF)]
        return [Service(SERVICE, [self._lock, *self._from, *into])]

    async def awake(self) -> None:
        """Answer while somebody is connected, then off."""
        self.state, self.unlocked, self.transmitting, self._pieces = "sending", False, False, {}
        until = self.until
        try:
            while not self.connected and await self.something(until):
                pass
            while self.connected and await self.something(until):
                pass
        finally:
            self.programming = False

    def buttons(self) -> dict[str, Button]:
        """`measure` and `remember` (`age_s`) fill a slot of user 1; `pairing`: `-P-` on its display."""
        return super().buttons() | {"measure": self._measure, "remember": self._remember, "pairing": self._pair}

    def shown(self) -> Body:
        used = self._counter(0)
        return super().shown() | {"memory": used, "unread": self._counter(4), "keyed": self.key is not None}

    def answer(self, request: bytes) -> bytes | None:
        """To one whole packet; None to a broken one, and to one before the lock is open."""
        checksum = 0
        for octet in request:
            checksum ^= octet
        if len(request) < 8 or request[0] != len(request) or checksum or not self.unlocked:
            return None
        kind, address, size = (int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big"), request[5])
        if kind == START:
            self.transmitting = True
            return packet(0x8000, 0)
        if kind == END:
            self.transmitting = False
            return packet(0x8F00, 0)
        if not self.transmitting or address + size > SIZE or size > LARGEST_BLOCK:
            return packet(0x8F00, address, bytes([DENIED]))
        if kind == READ:
            self.delivered += 1
            return packet(0x8100, address, bytes(self.eeprom[address:address + size]))
        if kind == WRITE:
            self.eeprom[address:address + size] = request[6:6 + size]
            return packet(0x81C0, address, size=size)
        return packet(0x8F00, address, bytes([DENIED]))

    def store(self, record: Record) -> int:
        """Into the ring of user 1; returns its slot."""
        place = self._counter(0) % SLOTS
        at = FIRST_SLOT + SLOT * place
        self.eeprom[at:at + SLOT] = slot(record)
        self._count(0, place + 1)
        self._count(4, min(SLOTS, self._counter(4) + 1))
        return place

    def _counter(self, offset: int) -> int:
        return self.eeprom[COUNTERS + offset + 1]

    def _count(self, offset: int, value: int) -> None:
        self.eeprom[COUNTERS + offset:COUNTERS + offset + 2] = value.to_bytes(2, "big")

    def _piece(self, channel: int, data: bytes) -> None:
        """A packet is there with its last piece."""
        self._pieces[channel] = data
        first = self._pieces.get(0)
        if not first:
            return
        count = (first[0] + PIECE - 1) // PIECE
        if all(n in self._pieces for n in range(count)):
            request = b"".join(self._pieces[n] for n in range(count))[:first[0]]
            self._pieces = {}
            answer = self.answer(request)
            if answer is not None:
                self.spawn(self._send_pieces(answer))

    async def _send_pieces(self, answer: bytes) -> None:
        for channel, start in enumerate(range(0, len(answer), PIECE)):
            if not await self.send(self._from[channel], answer[start:start + PIECE]):
                return

    async def _unlock(self, data: bytes) -> None:
        op, key = data[0] if data else 0xFF, data[1:]
        granted = len(key) == 16 and (
            (op == PROGRAM and self.programming) or (op == KEY and self.programming)
            or (op == OPEN and self.key is not None and key == self.key))
        if granted and op == KEY:
            self.key = key
        self.unlocked = self.unlocked or (granted and op == OPEN)
        await self.send(self._lock, bytes([op | 0x80, GRANTED if granted else DENIED]))

    def _measure(self, body: Body) -> Body:
        return self._remember({"age_s": 0} | body) | self._press({})

    def _remember(self, body: Body) -> Body:
        pressure = self.patient.pressure(whole(body, "systolic", 25, 250), whole(body, "diastolic", 20, 200),
                                         whole(body, "pulse", 30, 200))
        taken = self.clock.stamp(timedelta(seconds=number(body, "age_s", 3600, 0, 1e9)))
        place = self.store(Record(pressure, taken, whole(body, "status", 0, 0xFFFF) or 0))
        return {"slot": place, "systolic": pressure.systolic, "diastolic": pressure.diastolic,
                "pulse": pressure.pulse, "device_time": taken.isoformat() if taken else None}

    def _pair(self, _: Body) -> Body:
        self.programming = self.wake(self.awake)
        return {"programming": self.programming}

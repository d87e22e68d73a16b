"""A Viatom/Lepu ER1 recorder: framed questions and answers, an answer spread over several notifications.

viatom-develop/LepuBle ble/cmd/UniversalBleCmd.java, Er1BleResponse.kt, RunStatus.java, obj/Er1DataController.java.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

from bumble import att
from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body, Button
from ..patient import Patient
from .bond import Bond
from .instrument import PROPERTIES, Instrument
from .numbers import date_time, date_time_from, unsigned
from .plate import Plate
from .trace import Trace

PLATE: Final = Plate("ER1 Simulé", "C4:1C:E1:00:00:01", InstrumentKind.ecg, "viatom-er1", "Viatom (simulé)",
                     "ER1 (simulé)", "SIM-ER1-0001", bond=Bond.none, awake_s=60.0)

SERVICE: Final = "14839AC4-7D7E-415C-9A42-167340CF2339"
WRITE: Final = "8B00ACE7-EB0B-49B0-BBE9-9AEE0A26E1A3"
NOTIFY: Final = "0734594A-A8E7-4B1A-A6B1-CD5243059A57"

HEAD: Final = 0xA5
REAL_TIME, INFO, SET_TIME = 0x03, 0xE1, 0xEC
ANSWER: Final = 0x01
RATE_HZ: Final = 125
COUNTS_PER_MV: Final = 4096 * 178.74 / (1.0035 * 1800)
HELD: Final = 2 * RATE_HZ
"""Samples it keeps for a gateway that is slow to ask; the oldest are lost."""

NO_SAMPLE: Final = 0x7FFF
IDLE, PREPARING, RECORDING, LEAD_OFF = 0, 1, 2, 7


def crc8(data: bytes) -> int:
    """Polynomial 07, initial value 0."""
    found = 0
    for octet in data:
        found ^= octet
        for _ in range(8):
            found = (found << 1 ^ 0x07) & 0xFF if found & 0x80 else found << 1
    return found


def frame(command: int, sequence: int, payload: bytes = b"", kind: int = ANSWER) -> bytes:
    """`A5 cmd ~cmd kind sequence length payload crc`."""
    head = bytes([HEAD, command, ~command & 0xFF, kind, sequence]) + unsigned(len(payload), 2) + payload
    return head + bytes([crc8(head)])


def real_time(rate: int, battery: int, seconds: int, status: int, samples: list[int]) -> bytes:
    """Twenty bytes of parameters, a count, samples of two bytes."""
    parameters = unsigned(rate, 2) + bytes([0, battery]) + unsigned(seconds, 4) + bytes([status]) + bytes(11)
    return parameters + unsigned(len(samples), 2) + b"".join(
        sample.to_bytes(2, "little", signed=True) for sample in samples)


def information(serial: str, moment: datetime) -> bytes:
    """Sixty bytes: hardware, firmware, time at 24, length of the serial number at 37, the number behind it."""
    head = b"A" + bytes([1, 0, 0, 1]) + bytes(19) + date_time(moment) + bytes(6) + bytes([len(serial)])
    return (head + serial.encode()).ljust(60, b"\0")


class Er1(Instrument):
    """On while fingers are on its electrodes, and `awake_s` longer."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.touched = False
        self.sent: list[int] = []
        """Samples that were answered since it woke, at most a loop of the heart."""
        self.lost = 0
        self._trace = Trace(patient, RATE_HZ, COUNTS_PER_MV)
        self._began = 0.0
        self._collected = 0
        self._pieces = asyncio.Lock()
        self._pool = b""

    def services(self) -> list[Service]:
        self._notify: Characteristic[Any] = self.sending(NOTIFY)
        value: att.AttributeValue[bytes] = att.AttributeValue(write=lambda _, data: self._written(data))
        write: Characteristic[Any] = Characteristic(
            WRITE, PROPERTIES.WRITE | PROPERTIES.WRITE_WITHOUT_RESPONSE, self.bonds.permissions(False, True), value)
        return [Service(SERVICE, [write, self._notify])]

    async def awake(self) -> None:
        loop = asyncio.get_running_loop()
        self._began, self._collected, self.lost, self.sent = loop.time(), 0, 0, []
        self._trace.position = 0
        until = self.until
        while self.touched or self.connected or loop.time() < until:
            self.state = "measuring" if self.touched else "waiting"
            if self.touched or self.connected:
                until = self.until
            await self.something(loop.time() + 0.5)

    def buttons(self) -> dict[str, Button]:
        """`touch` (`on`: true or false): fingers on the electrodes."""
        return super().buttons() | {"touch": self._touch, "measure": self._touch}

    def shown(self) -> Body:
        return super().shown() | {"touched": self.touched, "samples": len(self.sent), "lost": self.lost}

    def answer(self, request: bytes) -> bytes | None:
        """To one whole frame; None to what is no frame."""
        if len(request) < 8 or request[0] != HEAD or request[1] ^ request[2] != 0xFF or crc8(
                request[:-1]) != request[-1]:
            return None
        command, sequence, payload = request[1], request[4], request[7:-1]
        if command == REAL_TIME:
            status = RECORDING if self.touched else LEAD_OFF
            seconds = int(asyncio.get_running_loop().time() - self._began) if self.touched else 0
            rate = self.patient.pulse() if self.touched else 0
            return frame(command, sequence, real_time(rate, self.battery, seconds, status, self._samples()))
        if command == INFO:
            return frame(command, sequence, information(self.plate.serial, self.clock.now()))
        if command == SET_TIME:
            self.set_time(date_time_from(payload))
            return frame(command, sequence)
        return frame(command, sequence, kind=0xE0)

    def _samples(self) -> list[int]:
        """What was measured since the last question."""
        total = int((asyncio.get_running_loop().time() - self._began) * RATE_HZ)
        fresh = total - self._collected
        self._collected = total
        if not self.touched:
            return [NO_SAMPLE] * min(fresh, HELD)
        if fresh > HELD:
            self.lost += fresh - HELD
            self._trace.take(fresh - HELD)
            fresh = HELD
        samples = self._trace.take(fresh)
        self.sent = (self.sent + samples)[:len(self._trace.counts)]
        return samples

    def _written(self, data: bytes) -> None:
        """A question may come in pieces; an answer goes out in such."""
        self._pool = data if data[:1] == bytes([HEAD]) else self._pool + data
        if len(self._pool) >= 8 and len(self._pool) >= 8 + int.from_bytes(self._pool[5:7], "little"):
            answer, self._pool = self.answer(self._pool), b""
            if answer is not None:
                self.spawn(self._send(answer))

    async def _send(self, answer: bytes) -> None:
        async with self._pieces:
            for start in range(0, len(answer), self.payload):
                if not await self.send(self._notify, answer[start:start + self.payload]):
                    return
            self.delivered += 1

    def _touch(self, body: Body) -> Body:
        self.touched = bool(body.get("on", True))
        return {"touched": self.touched, "woken": self.touched and self.wake(self.awake)}

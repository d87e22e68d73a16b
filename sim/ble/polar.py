"""A Polar H10 belt: heart rate, and an electrocardiogram over Polar Measurement Data.

polarofficial/polar-ble-sdk@8fb5311 technical_documentation/online_measurement.pdf: control point read, written and
indicated; ECG 130 Hz, 14 bit, frames of type 0 with the time of their last sample.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, Final

from bumble import att
from bumble.gatt import Characteristic, Service

from protocol.readings import InstrumentKind

from ..air import Air
from ..asked import Body
from ..patient import Patient
from .belt import Belt
from .bond import Bond
from .instrument import PROPERTIES
from .numbers import unsigned
from .plate import Plate
from .trace import Trace

PLATE: Final = Plate("Polar H10 Simulé", "C4:1C:A0:0D:00:01", InstrumentKind.ecg, "polar-h10",
                     "Polar Electro Oy (simulé)", "H10 (simulé)", "SIM-H10-0001", ("180D",), company=b"\x6b\x00\x00",
                     bond=Bond.none, awake_s=20.0)

SERVICE: Final = "FB005C80-02E7-F387-1CAD-8ACD2D8DF0C8"
CONTROL: Final = "FB005C81-02E7-F387-1CAD-8ACD2D8DF0C8"
DATA: Final = "FB005C82-02E7-F387-1CAD-8ACD2D8DF0C8"

RATE_HZ: Final = 130
BITS: Final = 14
SAMPLES: Final = 73
"""In one frame: ten bytes and 73 times three fit the MTU of 232 that the belt asks for."""

EPOCH: Final = datetime(2000, 1, 1)
ECG: Final = 0
GET_SETTINGS, START, STOP = 0x01, 0x02, 0x03
RESPONSE, FEATURES = 0xF0, 0x0F
SUCCESS, INVALID_OP, INVALID_TYPE, INVALID_LENGTH, ALREADY, INVALID_RESOLUTION, INVALID_RATE, INVALID_MTU, \
    INVALID_STATE = 0, 1, 2, 4, 6, 7, 8, 10, 12
SETTINGS: Final = bytes([0, 1]) + unsigned(RATE_HZ, 2) + bytes([1, 1]) + unsigned(BITS, 2)
"""Rate and resolution, one choice each."""


def ecg_frame(nanoseconds: int, microvolts: list[int]) -> bytes:
    """Type, time of the last sample since 2000, frame type 0, three bytes a sample."""
    return (bytes([ECG]) + unsigned(nanoseconds, 8) + b"\0"
            + b"".join(sample.to_bytes(3, "little", signed=True) for sample in microvolts))


def refusal(request: bytes, payload: int, running: bool) -> int:
    """The error of a request to the control point, 0 when it is done."""
    if len(request) < 2:
        return INVALID_LENGTH
    op, kind, rest = request[0], request[1], request[2:]
    if op not in (GET_SETTINGS, START, STOP):
        return INVALID_OP
    if kind != ECG:
        return INVALID_TYPE
    if op == STOP:
        return SUCCESS if running else INVALID_STATE
    if op == GET_SETTINGS:
        return SUCCESS
    if running:
        return ALREADY
    if len(rest) % 4:
        return INVALID_LENGTH
    for setting, _, low, high in (rest[i:i + 4] for i in range(0, len(rest), 4)):
        wanted = {0: RATE_HZ, 1: BITS}.get(setting)
        if wanted is not None and low | high << 8 != wanted:
            return INVALID_RATE if setting == 0 else INVALID_RESOLUTION
    return SUCCESS if payload >= 10 + 3 * SAMPLES else INVALID_MTU


class PolarH10(Belt):
    """The belt, with electrodes."""

    def __init__(self, air: Air, patient: Patient, plate: Plate = PLATE) -> None:
        super().__init__(air, patient, plate)
        self.sent: list[int] = []
        """Samples of the last stream, microvolts, at most a loop of the heart."""
        self._stream: asyncio.Task[None] | None = None
        self._trace = Trace(patient, RATE_HZ, 1000.0)

    def services(self) -> list[Service]:
        value: att.AttributeValue[bytes] = att.AttributeValue(
            read=lambda _: bytes([FEATURES, 1 << ECG]), write=lambda _, data: self._written(data))
        self._control = self.sending(CONTROL, indicate=True, more=PROPERTIES.READ | PROPERTIES.WRITE, value=value)
        self._data: Characteristic[Any] = self.sending(DATA)
        return [self.heart_rate_service(), Service(SERVICE, [self._control, self._data])]

    def shown(self) -> Body:
        return super().shown() | {"streaming": self._streaming, "samples": len(self.sent)}

    @property
    def _streaming(self) -> bool:
        return self._stream is not None and not self._stream.done()

    def _written(self, request: bytes) -> None:
        self.spawn(self._answer(request))

    async def _answer(self, request: bytes) -> None:
        error = refusal(request, self.payload, self._streaming)
        head = bytes([RESPONSE, *(request[:2].ljust(2, b"\0")), error])
        if error:
            await self.send(self._control, head)
            return
        await self.send(self._control, head + b"\0" + (SETTINGS if request[0] == GET_SETTINGS else b""))
        if request[0] == START:
            self._stream = self.spawn(self._ecg())
        elif request[0] == STOP and self._stream is not None:
            self._stream.cancel()

    async def _ecg(self) -> None:
        """Frames at the pace of the samples, until stopped or nobody is there."""
        loop = asyncio.get_running_loop()
        began, frames, at = loop.time(), 0, self.clock.now()
        self.sent = []
        self._trace.position = 0
        while self.connected:
            frames += 1
            due = began + frames * SAMPLES / RATE_HZ
            await asyncio.sleep(max(0.0, due - loop.time()))
            samples = self._trace.take(SAMPLES)
            last = (at - EPOCH).total_seconds() + frames * SAMPLES / RATE_HZ
            if await self.send(self._data, ecg_frame(round(last * 1e9), samples)):
                self.sent = (self.sent + samples)[:len(self._trace.counts)]

"""A simulated A&D-like cuff on the virtual radio: asleep until somebody measures, and with manners of its own.

It advertises while it measures and for a minute after, asks for a bond, sends live pressure to who listens, then
its memory oldest first as indications, and hangs up by itself. What was not confirmed stays in its memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from bumble import hci
from bumble.att import Attribute, AttributeValue, AttributeValueV2
from bumble.core import AdvertisingData, BaseBumbleError
from bumble.device import Connection, Device
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    Descriptor,
    Service,
)
from bumble.hci import Address
from bumble.pairing import PairingConfig

from .air import Air
from .cuff_frames import Record, cuff_pressure, date_time, date_time_from
from .patient import Patient, Pressure

_log = structlog.get_logger()

NAME: Final = "A&D_UA-651BLE_Simulé"
ADDRESS: Final = "D0:5F:B8:65:1B:1E"
"""A static random address: the two highest bits are set."""

MEMORY: Final = 30
"""Records it keeps; the oldest goes first, as in life."""

AWAKE_S: Final = 60.0
ADVERTISING_MS: Final = 30
PRESSURE_EVERY_S: Final = 0.1
MEASURING_S: Final = 6.0
"""A real one takes 30 to 40 s; six keep a demonstration going."""

HANG_UP_AFTER_S: Final = 0.2
CONFIRM_S: Final = 5.0
"""The cuff's own patience with an indication; ATT would allow 30 s."""

_P = Characteristic.Properties
_READ_ENCRYPTED = Attribute.READABLE | Attribute.READ_REQUIRES_ENCRYPTION
_WRITE_ENCRYPTED = Attribute.WRITEABLE | Attribute.WRITE_REQUIRES_ENCRYPTION

FEATURES: Final = 0x1F
"""It detects movement, cuff fit, irregular pulse, pulse range and position."""


@dataclass
class Cuff:
    """The instrument and the buttons on it."""

    air: Air
    patient: Patient
    clock_offset: timedelta = timedelta(0)
    """The cuff's clock minus ours."""
    clock_set: bool = True
    memory: deque[Record] = field(default_factory=lambda: deque(maxlen=MEMORY))
    awake_s: float = AWAKE_S
    state: str = "asleep"
    delivered: int = 0
    times_written: int = 0
    address: str = ADDRESS
    last: Record | None = None
    """The last one that was confirmed."""

    def __post_init__(self) -> None:
        self._device: Device | None = None
        self._connection: Connection | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._work: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._measurement: Characteristic[Any]
        self._intermediate: Characteristic[Any]

    async def run(self, ready: Callable[[], None]) -> None:
        """Be there until cancelled; `ready` is called when buttons work."""
        controller = self.air.controller("cuff")
        device = Device.with_hci(NAME, Address(self.address), controller, controller)
        device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True)
        device.add_services([self._pressure_service(device), _information_service()])
        device.on(Device.EVENT_CONNECTION, self._connected)
        await device.power_on()
        self._device = device
        async with asyncio.TaskGroup() as self._tasks:
            ready()
            await asyncio.Event().wait()

    def now(self) -> datetime:
        """The time on its display, whole seconds."""
        return (datetime.now() + self.clock_offset).replace(microsecond=0)

    def measure(self, pressure: Pressure, seconds: float = MEASURING_S, status: int = 0) -> bool:
        """Press START on an arm; False when it is already busy."""
        return self._begin(lambda: self._measure(pressure, seconds, status))

    def press(self) -> bool:
        """Press the button that sends the memory; False when it is already busy."""
        return self._begin(self._deliver)

    def remember(self, record: Record) -> None:
        """Put a record into the memory, as if measured unseen."""
        self.memory.append(record)

    def switch_off(self) -> None:
        """Out of reach, or its battery pulled: silence in the middle of anything. Memory survives."""
        if self._work is not None:
            self._work.cancel()

    def _begin(self, what: Callable[[], Any]) -> bool:
        if self._tasks is None or (self._work is not None and not self._work.done()):
            return False
        self.state = "waking"
        self._work = self._tasks.create_task(self._awake(what))
        return True

    async def _awake(self, what: Callable[[], Any]) -> None:
        device = self._powered
        advertising = bytes(AdvertisingData([
            (AdvertisingData.FLAGS, b"\x05"),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, b"\x10\x18"),
            (AdvertisingData.COMPLETE_LOCAL_NAME, NAME.encode()),
        ]))
        try:
            await device.start_advertising(auto_restart=True, advertising_data=advertising,
                                           advertising_interval_min=ADVERTISING_MS,
                                           advertising_interval_max=ADVERTISING_MS)
            await what()
        except asyncio.CancelledError:
            # Cancelled by `switch_off`: the radio falls silent, which the other side sees as a timeout.
            await self._hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise
        finally:
            await device.stop_advertising()
            await self._hang_up(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR)
            self.state = "asleep"

    async def _measure(self, pressure: Pressure, seconds: float, status: int) -> None:
        self.state = "measuring"
        _log.info("sim.cuff_measuring", seconds=seconds)
        steps = max(2, round(seconds / PRESSURE_EVERY_S))
        top = pressure.systolic + 35
        for step in range(steps):
            share = step / (steps - 1)
            # Up in a third of the time, down slowly to below diastolic, then the valve opens.
            height = top * share * 3 if share < 1 / 3 else top - (top - pressure.diastolic + 10) * (share - 1 / 3) * 1.5
            await self._notify(cuff_pressure(max(0, round(height))))
            await asyncio.sleep(seconds / steps)
        self.memory.append(Record(pressure, self.now() if self.clock_set else None, status))
        await self._deliver()

    async def _deliver(self) -> None:
        """Hand the memory over, oldest first, for as long as the cuff is awake."""
        self.state = "sending"
        until = asyncio.get_running_loop().time() + self.awake_s
        while self.memory and asyncio.get_running_loop().time() < until:
            if not self._subscribed(self._measurement):
                self._changed.clear()
                try:
                    async with asyncio.timeout_at(until):
                        await self._changed.wait()
                except TimeoutError:
                    break
                continue
            if await self._indicate(bytes(self.memory[0])):
                self.last = self.memory.popleft()
                self.delivered += 1
        _log.info("sim.cuff_done", left=len(self.memory))
        await asyncio.sleep(HANG_UP_AFTER_S)

    async def _notify(self, value: bytes) -> None:
        if self._connection is not None and self._subscribed(self._intermediate):
            await self._powered.notify_subscriber(self._connection, self._intermediate, value)

    async def _indicate(self, value: bytes) -> bool:
        """True when the other side confirmed."""
        connection = self._connection
        if connection is None:
            return False
        try:
            async with asyncio.timeout(CONFIRM_S):
                await connection.cancel_on_disconnection(
                    self._powered.indicate_subscriber(connection, self._measurement, value))
        except (TimeoutError, BaseBumbleError):
            await self._hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            return False
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return False
        return True

    async def _hang_up(self, reason: int) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(BaseBumbleError, TimeoutError):
                async with asyncio.timeout(CONFIRM_S):
                    await connection.disconnect(reason)

    def _connected(self, connection: Connection) -> None:
        self._connection = connection
        connection.on(Connection.EVENT_DISCONNECTION, lambda _: self._disconnected(connection))

    def _disconnected(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
        self._changed.set()

    @property
    def _powered(self) -> Device:
        assert self._device is not None, "run() has not started"
        return self._device

    def _subscribed(self, characteristic: Characteristic[Any]) -> bool:
        if self._connection is None:
            return False
        kept = self._powered.gatt_server.subscribers.get(self._connection, {}).get(characteristic.handle)
        return bool(kept and kept[0])

    def _read_clock(self, _: Connection) -> bytes:
        return date_time(self.now()) if self.clock_set else bytes(7)

    def _write_clock(self, _: Connection, value: bytes) -> None:
        moment = date_time_from(value)
        if moment is not None:
            self.clock_offset = moment - datetime.now().replace(microsecond=0)
            self.clock_set = True
            self.times_written += 1

    def _pressure_service(self, device: Device) -> Service:
        """0x1810; Date Time stands inside it, as in the UA-651BLE."""
        self._measurement = Characteristic("2A35", _P.INDICATE, Attribute.Permissions(0), b"")
        self._intermediate = Characteristic("2A36", _P.NOTIFY, Attribute.Permissions(0), b"")
        for characteristic in (self._measurement, self._intermediate):
            characteristic.descriptors = [self._switch(device, characteristic)]
        clock: AttributeValue[bytes] = AttributeValue(read=self._read_clock, write=self._write_clock)
        return Service("1810", [
            self._measurement,
            self._intermediate,
            Characteristic("2A49", _P.READ, Attribute.READABLE, FEATURES.to_bytes(2, "little")),
            Characteristic("2A08", _P.READ | _P.WRITE, _READ_ENCRYPTED | _WRITE_ENCRYPTED, clock),
        ])

    def _switch(self, device: Device, characteristic: Characteristic[Any]) -> Descriptor:
        """The client configuration of `characteristic`, writable over an encrypted link only: hence the bond."""
        def write(bearer: Any, value: bytes) -> None:
            device.gatt_server.write_cccd(bearer, characteristic, value)
            self._changed.set()

        value: AttributeValueV2[bytes] = AttributeValueV2(
            read=lambda bearer: device.gatt_server.read_cccd(bearer, characteristic), write=write)
        return Descriptor(GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
                          Attribute.READABLE | _WRITE_ENCRYPTED, value)


def _information_service() -> Service:
    strings = {"2A29": "A&D Medical (simulé)", "2A24": "UA-651BLE (simulé)", "2A25": "SIM-651-0001", "2A26": "0.1"}
    return Service("180A", [
        *(Characteristic(number, _P.READ, Attribute.READABLE, words.encode()) for number, words in strings.items()),
        Characteristic("2A23", _P.READ, Attribute.READABLE, bytes.fromhex("1e1b65feffb85fd0")),
    ])

"""An instrument on the virtual radio and what all of them share: asleep until touched, a bond or none, a clock, a
battery, hands that carry it away.

What it measures and says is in the modules beside this one; they give services, and a coroutine for each time awake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

import structlog
from bumble import att, hci
from bumble.att import Attribute, AttributeValue, AttributeValueV2
from bumble.core import BaseBumbleError
from bumble.device import Connection, Device
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    Descriptor,
    Service,
)
from bumble.hci import Address

from ..air import Air
from ..asked import Body, Button, Refused, number, whole
from ..patient import Patient
from .bond import Bonds
from .clock import UNSET, Clock
from .numbers import current_time, current_time_from, date_time, date_time_from
from .plate import Plate

_log = structlog.get_logger()

ADVERTISING_MS: Final = 30
HANG_UP_AFTER_S: Final = 0.2
CONFIRM_S: Final = 5.0
"""An instrument's own patience with an indication; ATT would allow 30 s."""

DATA_FIELD_IGNORED: Final = 0x80
"""What some answer to a time (Current Time Service 1.1, 3.1)."""

PROPERTIES = Characteristic.Properties
NOTHING_MORE: Final = PROPERTIES(0)


class Instrument:
    """The instrument and the buttons on it. A subclass gives `services` and `awake`."""

    def __init__(self, air: Air, patient: Patient, plate: Plate) -> None:
        self.air, self.patient, self.plate = air, patient, plate
        self.clock = Clock()
        self.awake_s = plate.awake_s
        self.state = "asleep"
        self.battery = 100
        self.in_range = True
        self.delivered = 0
        self.times_written = 0
        self.refuses_time = False
        self.bonds = Bonds(plate.bond)
        self._controller = air.controller(plate.model_key)
        self._device: Device | None = None
        self._connection: Connection | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._work: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._cut: int | None = None
        self._cut_sent = True

    async def run(self, ready: Callable[[], None]) -> None:
        """Be there until cancelled; `ready` is called when buttons work."""
        device = Device.with_hci(self.plate.name, Address(self.plate.address), self._controller, self._controller)
        self.bonds.guard(device)
        self._device = device
        device.gatt_server.max_mtu = self.plate.mtu
        device.add_services([*self.services(), *self._common_services()])
        device.on(Device.EVENT_CONNECTION, self._connected)
        await device.power_on()
        async with asyncio.TaskGroup() as self._tasks:
            ready()
            await asyncio.Event().wait()

    # What a subclass gives

    def services(self) -> list[Service]:
        """Its own GATT services, with characteristics from `sending` and `answering`."""
        raise NotImplementedError

    async def awake(self) -> None:
        """What it does when its button is pressed, until it goes to sleep."""
        raise NotImplementedError

    def buttons(self) -> dict[str, Button]:
        """What a person can do with it, by name; a subclass adds its own."""
        return {"press": self._press, "switch_off": self._switch_off, "clock": self._turn_clock,
                "hang_up": self._plan_hang_up, "out_of_range": self._carry_away, "in_range": self._bring_back,
                "battery": self._set_battery, "passkey": self._type_passkey, "unbond": self._unbond,
                "time_refused": self._refuse_time}

    def shown(self) -> Body:
        """Its state, for people and tests."""
        return {"state": self.state, "kind": self.plate.kind.value, "name": self.plate.name,
                "address": self.plate.address, "model": self.plate.model_key,
                "device_id": f"ble:{self.plate.address.lower()}",
                "connected": self._connection is not None, "in_range": self.in_range, "battery": self.battery,
                "delivered": self.delivered, "times_written": self.times_written,
                "clock_offset_s": self.clock.error().total_seconds() if self.clock.is_set else None,
                "passkey": self.bonds.passkey, "bonded": self.bonds.bonded}

    # Waking and sleeping

    def wake(self, what: Callable[[], Awaitable[None]]) -> bool:
        """Begin `what` with the radio on; False when it is busy already."""
        if self._tasks is None or (self._work is not None and not self._work.done()):
            return False
        self.state = "waking"
        self._work = self._tasks.create_task(self._while_on(what))
        return True

    def wake_or_refuse(self, what: Callable[[], Awaitable[None]]) -> None:
        """Begin `what`. Refused when it is busy."""
        if not self.wake(what):
            raise Refused(f"{self.plate.model_key} is busy")

    def switch_off(self) -> None:
        """Its battery pulled: silence in the middle of anything. Memory survives."""
        if self._work is not None:
            self._work.cancel()

    async def sleep(self) -> None:
        """Wait until it has gone off."""
        while self._work is not None and not self._work.done():
            await asyncio.wait({self._work})

    @property
    def until(self) -> float:
        """When it goes off if nobody touches it, in the loop's time."""
        return asyncio.get_running_loop().time() + self.awake_s

    async def _while_on(self, what: Callable[[], Awaitable[None]]) -> None:
        device = self._powered
        try:
            advertisement, response = self.plate.advertisement(self.name())
            await device.start_advertising(auto_restart=True, advertising_data=advertisement,
                                           scan_response_data=response,
                                           advertising_interval_min=ADVERTISING_MS,
                                           advertising_interval_max=ADVERTISING_MS)
            await what()
        except asyncio.CancelledError:
            # Cancelled by `switch_off`: the radio falls silent, which the other side sees as a timeout.
            await self.hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                raise
        finally:
            await device.stop_advertising()
            await self.hang_up()
            self.state = "asleep"

    def name(self) -> str:
        """The local name it advertises now."""
        return self.plate.name

    # Talking

    def sending(self, uuid: str, indicate: bool = False, more: PROPERTIES = NOTHING_MORE,
                value: AttributeValue[bytes] | bytes = b"") -> Characteristic[Any]:
        """A characteristic it sends from; its switch (CCCD) asks for the bond, if it has one."""
        properties = (PROPERTIES.INDICATE if indicate else PROPERTIES.NOTIFY) | more
        characteristic: Characteristic[Any] = Characteristic(uuid, properties, self.bonds.permissions(
            read=bool(more & PROPERTIES.READ),
            write=bool(more & (PROPERTIES.WRITE | PROPERTIES.WRITE_WITHOUT_RESPONSE))), value)
        server = self._powered.gatt_server

        def write(bearer: Any, switch: bytes) -> None:
            server.write_cccd(bearer, characteristic, switch)
            self._changed.set()

        value_of: AttributeValueV2[bytes] = AttributeValueV2(
            read=lambda bearer: server.read_cccd(bearer, characteristic), write=write)
        characteristic.descriptors = [Descriptor(GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
                                                 self.bonds.permissions(read=False, write=True) | Attribute.READABLE,
                                                 value_of)]
        return characteristic

    def answering(self, uuid: str, read: Callable[[], bytes] | bytes | None = None,
                  write: Callable[[bytes], None] | None = None, guarded: bool = True,
                  without_response: bool = False) -> Characteristic[Any]:
        """A characteristic that is read or written; `guarded` ones want the bond."""
        properties = PROPERTIES(0)
        properties |= PROPERTIES.READ if read is not None else PROPERTIES(0)
        properties |= PROPERTIES.WRITE if write is not None else PROPERTIES(0)
        properties |= PROPERTIES.WRITE_WITHOUT_RESPONSE if without_response else PROPERTIES(0)
        permissions = (self.bonds.permissions(read is not None, write is not None) if guarded else
                       (Attribute.READABLE if read is not None else Attribute.Permissions(0))
                       | (Attribute.WRITEABLE if write is not None else Attribute.Permissions(0)))
        if isinstance(read, bytes):
            return Characteristic(uuid, properties, permissions, read)
        value: AttributeValue[bytes] = AttributeValue(
            read=None if read is None else lambda _: read(),
            write=None if write is None else lambda _, data: write(data))
        return Characteristic(uuid, properties, permissions, value)

    def time_characteristic(self, uuid: str = "2A08") -> Characteristic[Any]:
        """Date Time, behind the bond."""
        return self.answering(uuid, lambda: date_time(self.clock.now()) if self.clock.is_set else UNSET,
                              lambda data: self.set_time(date_time_from(data)))

    def current_time_service(self, notifies: bool = False) -> Service:
        """0x1805 with Current Time 0x2A2B, behind the bond."""
        def read() -> bytes:
            return current_time(self.clock.now()) if self.clock.is_set else UNSET + bytes(3)

        def write(data: bytes) -> None:
            self.set_time(current_time_from(data))

        if not notifies:
            return Service("1805", [self.answering("2A2B", read, write)])
        value: AttributeValue[bytes] = AttributeValue(read=lambda _: read(), write=lambda _, data: write(data))
        self.current = self.sending("2A2B", more=PROPERTIES.READ | PROPERTIES.WRITE, value=value)
        return Service("1805", [self.current])

    def set_time(self, moment: Any) -> None:
        """Somebody wrote its time. ATT 0x80 when it does not want to."""
        if self.refuses_time:
            raise att.ATT_Error(DATA_FIELD_IGNORED)
        if moment is not None:
            self.clock.put(moment)
            self.times_written += 1

    def subscribed(self, characteristic: Characteristic[Any]) -> bool:
        """Whether the one that is connected wants this."""
        if self._connection is None:
            return False
        kept = self._powered.gatt_server.subscribers.get(self._connection, {}).get(characteristic.handle)
        return bool(kept and kept[0])

    async def listener(self, characteristic: Characteristic[Any], until: float) -> bool:
        """Wait until somebody wants this; False when it is time to sleep."""
        while not self.subscribed(characteristic):
            if not await self.something(until):
                return False
        return True

    async def something(self, until: float) -> bool:
        """Wait until somebody connects, subscribes or leaves; False when it is time to sleep."""
        self._changed.clear()
        try:
            async with asyncio.timeout_at(until):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def send(self, characteristic: Characteristic[Any], value: bytes) -> bool:
        """Notify or indicate; True when it went out, of an indication when it was confirmed."""
        connection = self._connection
        if connection is None or not self.subscribed(characteristic):
            return False
        if self._cut is not None:
            self._cut -= 1
            if self._cut <= 0:
                await self._break_off(connection, characteristic, value)
                return False
        if not characteristic.properties & PROPERTIES.INDICATE:
            await self._powered.notify_subscriber(connection, characteristic, value)
            return True
        try:
            async with asyncio.timeout(CONFIRM_S):
                await connection.cancel_on_disconnection(
                    self._powered.indicate_subscriber(connection, characteristic, value))
        except (TimeoutError, BaseBumbleError):
            await self.hang_up(hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
            return False
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return False
        return True

    async def hang_up(self, reason: int = hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR) -> None:
        """End the connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(BaseBumbleError, TimeoutError):
                async with asyncio.timeout(CONFIRM_S):
                    await connection.disconnect(reason)

    async def _break_off(self, connection: Connection, characteristic: Characteristic[Any], value: bytes) -> None:
        """Hang up in the middle: the record is on the air or not, its confirmation is never heard."""
        self._cut = None
        if self._cut_sent:
            kind = (att.ATT_Handle_Value_Indication if characteristic.properties & PROPERTIES.INDICATE
                    else att.ATT_Handle_Value_Notification)
            self._powered.gatt_server.send_gatt_pdu(
                connection, bytes(kind(attribute_handle=characteristic.handle, attribute_value=value)))
        await self.hang_up()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something it does beside; ends with the instrument."""
        assert self._tasks is not None, "run() has not started"
        return self._tasks.create_task(work)

    def _connected(self, connection: Connection) -> None:
        self._connection = connection
        self._changed.set()
        connection.on(Connection.EVENT_DISCONNECTION, lambda _: self._disconnected(connection))
        self.bonds.watch(connection)

    def _disconnected(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
        self._changed.set()

    @property
    def connected(self) -> bool:
        """Whether a gateway is there."""
        return self._connection is not None

    @property
    def payload(self) -> int:
        """Octets that fit a notification now."""
        return (self._connection.att_mtu if self._connection is not None else 23) - 3

    @property
    def _powered(self) -> Device:
        assert self._device is not None, "run() has not started"
        return self._device

    def _common_services(self) -> list[Service]:
        plate = self.plate
        strings = {"2A29": plate.maker, "2A24": plate.model, "2A25": plate.serial, "2A26": plate.firmware}
        information = [self.answering(uuid, words.encode(), guarded=False) for uuid, words in strings.items() if words]
        if plate.system_id:
            information.append(self.answering("2A23", bytes.fromhex(plate.system_id), guarded=False))
        found = [Service("180A", information)]
        if plate.battery:
            found.append(Service("180F", [self.answering("2A19", lambda: bytes([self.battery]), guarded=False)]))
        return found

    # Buttons of every instrument

    def _press(self, _: Body) -> Body:
        return {"woken": self.wake(self.awake)}

    def _switch_off(self, _: Body) -> Body:
        self.switch_off()
        return {}

    def _turn_clock(self, body: Body) -> Body:
        self.clock.turn(timedelta(seconds=number(body, "offset_s", 0.0, -1e9, 1e9)))
        self.clock.is_set = not body.get("unset", False)
        self.clock.drift_s_per_day = number(body, "drift_s_per_day", 0.0, -86_400, 86_400)
        return {"offset_s": self.clock.error().total_seconds(), "set": self.clock.is_set}

    def _plan_hang_up(self, body: Body) -> Body:
        """After `after` more frames it drops the link; `sent`: the last of them is still on the air."""
        self._cut = whole(body, "after", 1, 1000) or 1
        self._cut_sent = bool(body.get("sent", True))
        return {"after": self._cut, "sent": self._cut_sent}

    def _carry_away(self, _: Body) -> Body:
        self.in_range = False
        self.air.carry_away(self._controller)
        return {"in_range": False}

    def _bring_back(self, _: Body) -> Body:
        self.in_range = True
        self.air.bring_back(self._controller)
        return {"in_range": True}

    def _set_battery(self, body: Body) -> Body:
        level = whole(body, "percent", 0, 100)
        self.battery = 5 if level is None else level
        return {"battery": self.battery}

    def _type_passkey(self, body: Body) -> Body:
        """Digits typed on the instrument; without `digits` what it shows."""
        if "digits" in body and not self.bonds.typed(str(body["digits"])):
            raise Refused("it does not ask for digits, or these are not six")
        return {"passkey": self.bonds.passkey, "asks": self.bonds.asks}

    def _unbond(self, _: Body) -> Body:
        self.bonds.forget()
        return {"bonded": False}

    def _refuse_time(self, body: Body) -> Body:
        self.refuses_time = bool(body.get("refused", True))
        return {"refused": self.refuses_time}

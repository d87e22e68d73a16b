"""Which Bluetooth stack a radio stands on, and what that stack's errors say of the adapter."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError

from ..config import RadioConfig
from .bluez import Bluez
from .radio_control import AdapterControl, NoControl
from .radio_passkey import Person
from .recovery import Sign

_STUCK: Final = frozenset({"org.bluez.Error.InProgress", "org.bluez.Error.AlreadyConnected"})
_NOT_READY: Final = "org.bluez.Error.NotReady"


@dataclass(frozen=True, slots=True)
class Backend:
    """What BleakScanner and BleakClient get, and who controls the adapter."""

    scanner: dict[str, Any]
    client: dict[str, Any]
    control: AdapterControl
    bonded: Callable[[], None]
    """A bond was made, or failed."""
    settled: Callable[[], Awaitable[None]]
    """Returns when listening makes sense, or would not get better by waiting."""


def backend(config: RadioConfig, person: Person, bonding: Callable[[str], bool]) -> Backend:
    """BlueZ with its adapter, or another backend's classes. ValueError when there is none of that name."""
    if not config.backend:
        options: dict[str, Any] = {"bluez": {"adapter": config.address}} if config.address else {}
        bluez = Bluez(config.address, person, bonding)
        return Backend(options, options, bluez, bluez.bonded, bluez.settled)
    module, _, name = config.backend.partition(":")
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"radio backend {config.backend!r} can't be loaded: {error}") from error
    scanner, client = make(config.address)
    client.passkey_operator = person
    return Backend({"backend": scanner}, {"backend": client}, getattr(client, "control", None) or NoControl(),
                   lambda: None, _at_once)


async def _at_once() -> None:
    return None


def is_stuck(error: BaseException) -> bool:
    """Whether BlueZ refused because it is not done with an earlier connection."""
    while not isinstance(error, BleakDBusError):
        if error.__cause__ is None:
            return False
        error = error.__cause__
    return error.dbus_error in _STUCK


def why_deaf(error: BaseException) -> Sign:
    """What it says of the adapter that discovery could not be started; `stuck`: refused by a service that lives."""
    name = error.dbus_error if isinstance(error, BleakDBusError) else ""
    if name == _NOT_READY or (isinstance(error, BleakBluetoothNotAvailableError)
                              and error.reason is BleakBluetoothNotAvailableReason.POWERED_OFF):
        return Sign.off
    if isinstance(error, TimeoutError):
        return Sign.hung
    return Sign.stuck if name.startswith("org.bluez.Error.") else Sign.missing

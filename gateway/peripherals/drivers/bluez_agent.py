"""Our agent for bonds: BlueZ asks it for digits, or gives it digits to show (org.bluez.Agent1).

Without deferred annotations: dbus-fast reads a deferred `-> None` as a broken signature.
"""

from collections.abc import Callable
from typing import Final

import structlog
from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt16, DBusUInt32
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method

from .radio_passkey import PasskeyOperator

_log = structlog.get_logger()

AGENT_PATH: Final = "/passerelle/agent"

CAPABILITY: Final = "KeyboardDisplay"
"""A touchscreen can do both; with less, older Omron cuffs refuse to bond."""

REJECTED: Final = "org.bluez.Error.Rejected"


def address_of(path: str) -> str:
    """`/org/bluez/hci0/dev_AA_BB_CC_DD_EE_FF` -> `AA:BB:CC:DD:EE:FF`."""
    return path.rpartition("/dev_")[2].replace("_", ":")


class Agent(ServiceInterface):
    """Answers only for devices that this process is bonding with: anybody in radio range may ask to pair."""

    def __init__(self, operator: PasskeyOperator, wanted: Callable[[str], bool]) -> None:
        """`wanted` says whether we are bonding with an address now."""
        super().__init__("org.bluez.Agent1")
        self._operator, self._wanted = operator, wanted
        self._shown: str | None = None

    @dbus_method("Release")
    def release(self) -> None:
        """bluetoothd ends, or another agent took over."""
        self._hide()

    @dbus_method("Cancel")
    def cancel(self) -> None:
        """The device gave up, or SMP's 30 s are over."""
        self._hide()

    @dbus_method("RequestPasskey")
    async def request_passkey(self, device: DBusObjectPath) -> DBusUInt32:
        """The device shows six digits, the person types them."""
        return int(await self._enter(device))

    @dbus_method("RequestPinCode")
    async def request_pin_code(self, device: DBusObjectPath) -> DBusStr:
        """The digits of a device older than Bluetooth 2.1."""
        return await self._enter(device)

    @dbus_method("DisplayPasskey")
    def display_passkey(self, device: DBusObjectPath, passkey: DBusUInt32, entered: DBusUInt16) -> None:
        """Called again for each key pressed on the device."""
        self._show(device, f"{passkey:06d}")

    @dbus_method("DisplayPinCode")
    def display_pin_code(self, device: DBusObjectPath, pin: DBusStr) -> None:
        """As DisplayPasskey."""
        self._show(device, pin)

    @dbus_method("RequestConfirmation")
    async def request_confirmation(self, device: DBusObjectPath, passkey: DBusUInt32) -> None:
        """Both show the same digits. Typing what the device shows is a comparison that nobody confirms unread."""
        if await self._enter(device) != f"{passkey:06d}":
            raise DBusError(REJECTED, "the digits differ")

    @dbus_method("RequestAuthorization")
    def request_authorization(self, device: DBusObjectPath) -> None:
        """Just Works that the device began."""
        self._admit(device)

    @dbus_method("AuthorizeService")
    def authorize_service(self, device: DBusObjectPath, uuid: DBusStr) -> None:
        """Classic Bluetooth's question: we offer no service."""
        raise DBusError(REJECTED, "no service is offered")

    def finished(self) -> None:
        """The bond stands or failed: what was shown is no longer wanted."""
        self._hide()

    async def _enter(self, device: str) -> str:
        self._admit(device)
        digits = await self._operator.enter(address_of(device))
        if digits is None or not (digits.isascii() and digits.isdigit() and len(digits) == 6):
            raise DBusError("org.bluez.Error.Canceled", "no digits")
        return digits

    def _show(self, device: str, digits: str) -> None:
        self._admit(device)
        self._shown = address_of(device)
        self._operator.show(self._shown, digits)

    def _hide(self) -> None:
        if self._shown is not None:
            shown, self._shown = self._shown, None
            self._operator.show(shown, None)

    def _admit(self, device: str) -> None:
        if not self._wanted(address_of(device)):
            _log.warning("radio.uninvited_bond")
            raise DBusError(REJECTED, "not bonding with this device")

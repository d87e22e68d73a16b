"""How an instrument bonds: not at all, Just Works, with six digits it shows, or with six digits typed on it.

Core 5.4, Vol 3, Part H, 2.3.5.1. bumble itself bonds a passkey instrument with a gateway that can neither show nor
type; real ones refuse (Pairing Failed, 0x03).
"""

from __future__ import annotations

import asyncio
import enum
import secrets
from typing import Final

from bumble import smp
from bumble.att import Attribute
from bumble.device import Connection, Device
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

TYPING_S: Final = 30.0
"""SMP gives up after 30 s without a packet (Vol 3, Part H, 3.4)."""


class Bond(enum.StrEnum):
    """What an instrument asks for before it says anything about a patient."""

    none = "none"
    just_works = "just_works"
    display = "display"
    """It shows six digits, new ones each time; they are typed on the gateway."""
    keyboard = "keyboard"
    """The gateway shows six digits; they are typed on the instrument."""


_CAPABILITY: Final = {
    Bond.none: PairingDelegate.NO_OUTPUT_NO_INPUT,
    Bond.just_works: PairingDelegate.NO_OUTPUT_NO_INPUT,
    Bond.display: PairingDelegate.DISPLAY_OUTPUT_ONLY,
    Bond.keyboard: PairingDelegate.KEYBOARD_INPUT_ONLY,
}


class Bonds:
    """The keys an instrument has, and its display or keys while it bonds."""

    def __init__(self, bond: Bond) -> None:
        self.bond = bond
        self.accepts = True
        """False: only who is bonded already may talk (an instrument that is not in its pairing mode)."""
        self.passkey: str | None = None
        self.asks = False
        self.looked_at = asyncio.Event()
        """Set while its display shows digits or asks for them."""
        self._typed: asyncio.Future[int] | None = None
        self._keys = MemoryKeyStore()

    def guard(self, device: Device) -> None:
        """Make `device` bond as this instrument does."""
        mitm = self.bond in (Bond.display, Bond.keyboard)
        device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=mitm, bonding=True,
                                                                delegate=_Panel(self))
        device.keystore = self._keys
        device.smp_manager.session_proxy = _Strict

    def watch(self, connection: Connection) -> None:
        """Clear the display when bonding ended, well or not, or the link."""
        for event in (Connection.EVENT_PAIRING, Connection.EVENT_PAIRING_FAILURE, Connection.EVENT_DISCONNECTION):
            connection.on(event, lambda _: self._clear())

    @property
    def bonded(self) -> bool:
        """Whether it has a key of somebody."""
        return bool(self._keys.all_keys)

    def forget(self) -> None:
        """Unpaired by its own button: a gateway that still has its key is turned away (PIN or key missing)."""
        self._keys.all_keys.clear()

    def permissions(self, read: bool, write: bool) -> Attribute.Permissions:
        """Of what only a bonded gateway may read or write."""
        found = (Attribute.READABLE if read else Attribute.Permissions(0)) | (
            Attribute.WRITEABLE if write else Attribute.Permissions(0))
        if self.bond is Bond.none:
            return found
        strong = self.bond is not Bond.just_works
        if read:
            found |= Attribute.READ_REQUIRES_AUTHENTICATION if strong else Attribute.READ_REQUIRES_ENCRYPTION
        if write:
            found |= Attribute.WRITE_REQUIRES_AUTHENTICATION if strong else Attribute.WRITE_REQUIRES_ENCRYPTION
        return found

    def typed(self, digits: str) -> bool:
        """Six digits on the instrument's keys; False when it does not ask, or they are not six."""
        if self._typed is None or self._typed.done() or len(digits) != 6 or not digits.isdecimal():
            return False
        self._typed.set_result(int(digits))
        return True

    def new_passkey(self) -> int:
        """Six digits that are not all zero: bumble takes those for none."""
        return 1 + secrets.randbelow(999_999)

    def show(self, number: int) -> None:
        """On its display."""
        self.passkey = f"{number:06}"
        self.looked_at.set()

    async def ask(self) -> int | None:
        """Wait for six digits; None when nobody types them."""
        self._typed, self.asks = asyncio.get_running_loop().create_future(), True
        self.looked_at.set()
        try:
            async with asyncio.timeout(TYPING_S):
                return await self._typed
        except TimeoutError:
            return None
        finally:
            self.asks = False

    def _clear(self) -> None:
        self.passkey = None
        self.looked_at.clear()
        if self._typed is not None:
            self._typed.cancel()


class _Panel(PairingDelegate):
    """The instrument's display and keys, as bumble asks for them."""

    def __init__(self, bonds: Bonds) -> None:
        super().__init__(_CAPABILITY[bonds.bond])
        self._bonds = bonds

    async def accept(self) -> bool:
        return self._bonds.accepts

    async def generate_passkey(self) -> int:
        return self._bonds.new_passkey()

    async def display_number(self, number: int, digits: int) -> None:
        self._bonds.show(number)

    async def get_number(self) -> int | None:
        return await self._bonds.ask()


class _Strict(smp.Session):
    """A session that does not take less than its instrument wants."""

    def decide_pairing_method(self, auth_req: int, initiator_io_capability: int,
                              responder_io_capability: int) -> None:
        super().decide_pairing_method(auth_req, initiator_io_capability, responder_io_capability)
        self.too_weak = self.mitm and self.pairing_method == smp.PairingMethod.JUST_WORKS

    def send_pairing_response_command(self) -> None:
        if getattr(self, "too_weak", False):
            self.send_pairing_failed(smp.ErrorCode.AUTHENTICATION_REQUIREMENTS)
        else:
            super().send_pairing_response_command()

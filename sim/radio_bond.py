"""Bonds of the gateway's simulated adapter: on disk as BlueZ keeps them, made with a person where digits are asked.

The person is whoever the gateway set as `passkey_operator`; without one the adapter can neither show nor ask.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Protocol

from bumble.device import Connection, Device
from bumble.keys import MemoryKeyStore, PairingKeys
from bumble.pairing import PairingConfig, PairingDelegate


class Operator(Protocol):
    """The person with the instrument in her hands."""

    async def enter(self, name: str) -> str | None:
        """The six digits that the instrument shows; None when she gives up."""

    def show(self, name: str, passkey: str | None) -> None:
        """Six digits to type on it; None when they are no longer wanted."""


class Keys(MemoryKeyStore):
    """Keys in memory and, with a `file`, on disk: read once, written whole at every change, never on the loop."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self._file = Path(file) if file else None
        self._read = False

    async def load(self) -> None:
        """What an earlier process left."""
        if self._file is not None and not self._read:
            self._read = True
            self.all_keys.update(await asyncio.to_thread(_read, self._file))

    async def update(self, name: str, keys: PairingKeys) -> None:
        await super().update(name, keys)
        await self._save()

    async def delete(self, name: str) -> None:
        await super().delete(name)
        await self._save()

    async def _save(self) -> None:
        if self._file is not None:
            await asyncio.to_thread(_write, self._file, {name: keys.to_dict() for name, keys in self.all_keys.items()})


def _read(file: Path) -> dict[str, PairingKeys]:
    try:
        return {name: PairingKeys.from_dict(keys) for name, keys in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}


def _write(file: Path, keys: dict[str, object]) -> None:
    beside = file.with_suffix(".tmp")
    beside.write_text(json.dumps(keys))
    beside.replace(file)


class Bonding:
    """How an adapter bonds. `operator` is asked for at each bond."""

    def __init__(self, file: str) -> None:
        self.operator: Operator | None = None
        self.keys = Keys(file)

    def guard(self, device: Device) -> None:
        """Make `device` bond so, with the keys of before."""
        device.keystore = self.keys
        device.pairing_config_factory = self._config

    def _config(self, connection: Connection) -> PairingConfig:
        operator = self.operator
        if operator is None:
            return PairingConfig(sc=True, mitm=False, bonding=True)
        return PairingConfig(sc=True, mitm=True, bonding=True,
                             delegate=_Person(operator, connection.peer_address.to_string(False)))

    def ended(self, address: str) -> None:
        """A bond was made or not: its digits are not wanted any more."""
        if self.operator is not None:
            self.operator.show(address, None)


class _Person(PairingDelegate):
    """Keyboard and display of the touchscreen."""

    def __init__(self, operator: Operator, address: str) -> None:
        super().__init__(PairingDelegate.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT)
        self._operator, self._address = operator, address

    async def get_number(self) -> int | None:
        digits = await self._operator.enter(self._address)
        return int(digits) if digits is not None and len(digits) == 6 and digits.isdecimal() else None

    async def display_number(self, number: int, digits: int) -> None:
        self._operator.show(self._address, f"{number:0{digits}}")

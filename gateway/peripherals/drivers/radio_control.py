"""What the radio asks of its adapter beside scanning and connecting: news of it, and the rungs of the ladder.

BlueZ's is `bluez.Bluez`. Another backend may give its own as the attribute `control` of its client class (an object
with these methods); without one the rungs can't be taken and the ladder says so. It finds the person who reads or
types digits as the attribute `passkey_operator` that is set on its client class (see `radio_passkey`).
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol

from ..errors import InstrumentFailed


class News(enum.Enum):
    """What became of the adapter without our doing."""

    gone = "gone"
    """Pulled out, switched off, or its service ended: every connection is lost."""
    back = "back"


class StepFailed(InstrumentFailed):
    """The adapter, its service or the system refused what was asked. `hung`: it did not answer."""

    def __init__(self, code: str, detail: str = "", *, hung: bool = False) -> None:
        super().__init__(code, detail)
        self.hung = hung


class AdapterControl(Protocol):
    """Everything is limited in time; StepFailed when it can't be done."""

    async def run(self, news: Callable[[News], None]) -> None:
        """Watch the adapter until cancelled."""

    async def answers(self) -> bool:
        """Whether the adapter's service answers at all; True when there is none to ask."""

    async def clear(self, linked: frozenset[str], refused: str) -> None:
        """Hang up what nobody holds (all but `linked`, addresses) and remove records without a bond; a connection to
        `refused` that is still being made is given up."""

    async def power_cycle(self) -> None:
        """Adapter down and up; it is up after it."""

    async def restart_service(self) -> None:
        """The service ended and is there again."""

    async def renew(self) -> None:
        """Forget what this process's own connection to the service still believes of it."""


class NoControl:
    """Of a backend that has nothing to control."""

    async def run(self, news: Callable[[News], None]) -> None:
        await asyncio.Event().wait()

    async def answers(self) -> bool:
        return True

    async def clear(self, linked: frozenset[str], refused: str) -> None:
        raise StepFailed("radio.uncontrolled")

    async def power_cycle(self) -> None:
        raise StepFailed("radio.uncontrolled")

    async def restart_service(self) -> None:
        raise StepFailed("radio.uncontrolled")

    async def renew(self) -> None:
        return

"""The digits of a bond: who is asked for them, and for how long. Just Works bonds need no one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class PasskeyOperator(Protocol):
    """The person with the instrument in her hands."""

    async def enter(self, name: str) -> str | None:
        """The six digits that the device `name` shows; None when she gives up. Cancelled when it is too late."""

    def show(self, name: str, passkey: str | None) -> None:
        """Six digits to type on the device `name`; None when they are no longer wanted. Must not block."""


class Person:
    """The operator that bonding stacks get: the one of the moment, who needs longer than a machine.

    Stacks may name a device by its address; the person hears the name it advertises.
    """

    def __init__(self, name_of: Callable[[str], str], asked: Callable[[], None]) -> None:
        """`asked` is called before a person is: a pairing that was limited for machines is to wait."""
        self.operator: PasskeyOperator | None = None
        self._name_of, self._asked = name_of, asked

    async def enter(self, name: str) -> str | None:
        """None too when there is nobody to ask."""
        if self.operator is None:
            return None
        self._asked()
        return await self.operator.enter(self._name_of(name))

    def show(self, name: str, passkey: str | None) -> None:
        """Nothing is shown when there is nobody to see it."""
        if self.operator is not None:
            self._asked()
            self.operator.show(self._name_of(name), passkey)

"""The bus of a relay that is one process: whoever publishes awaits the listeners, nothing is queued."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from .messages import Message

M = TypeVar("M")


class Bus(Protocol):
    """What a broker has to offer to stand in for the in-process bus."""

    async def publish(self, message: Message) -> None:
        """Hand a message to everybody who listens to its type."""

    def listen(self, kind: type[M], listener: Callable[[M], Awaitable[None]]) -> None:
        """Call `listener` for each message of this type."""


class InProcessBus:
    """Listeners run in the publisher's task, in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: dict[type, list[Callable[[Any], Awaitable[None]]]] = defaultdict(list)

    async def publish(self, message: Message) -> None:
        """Hand a message to everybody who listens to its type."""
        for listener in tuple(self._listeners[type(message)]):
            await listener(message)

    def listen(self, kind: type[M], listener: Callable[[M], Awaitable[None]]) -> None:
        """Call `listener` for each message of this type."""
        self._listeners[kind].append(listener)

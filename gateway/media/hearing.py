"""Whether the bus can be heard: what the kiosk's microphone gives, by the level each packet says. Nothing decoded."""

from __future__ import annotations

import time

from .forward import Inlet, Route
from .splice import Packet

MISSING_SECONDS = 2.0
"""With DTX a silent room still sends a packet each 400 ms."""

SILENT_SECONDS = 5.0
"""No room is digitally silent, a microphone that is switched off or unplugged inside is: its driver gives zeros. Echo
cancellers too give zeros, for the length of a word."""

DIGITAL_SILENCE = 127
"""Decibels below full scale (RFC 6464, section 3)."""


class Hearing:
    """One microphone's life. Times are monotonic seconds. Pure.

    A browser that says no levels is never taken for silent: its packets of a quiet room and of a dead microphone look
    alike (RFC 6716: discontinuous transmission).
    """

    def __init__(self) -> None:
        self._packet = self._sound = float("-inf")

    def packet(self, level: int | None, now: float) -> None:
        """A packet came."""
        if now - self._packet >= MISSING_SECONDS or level is None or level < DIGITAL_SILENCE:
            self._sound = now
        self._packet = now

    def anew(self, now: float) -> None:
        """Until now nobody was to be heard: what was silent then says nothing."""
        self._sound = max(self._sound, now)

    def code(self, now: float) -> str | None:
        """`microphone.missing`: no packet comes; `microphone.silent`: they hold nothing; None: it is heard."""
        if now - self._packet >= MISSING_SECONDS:
            return "microphone.missing"
        return "microphone.silent" if now - self._sound > SILENT_SECONDS else None


class MicrophoneInlet(Inlet):
    """The kiosk's voice on its way in."""

    def __init__(self, route: Route) -> None:
        super().__init__(route)
        self.hearing = Hearing()

    async def packet(self, packet: Packet) -> None:
        """As any other's; its level is noted."""
        self.hearing.packet(packet.level, time.monotonic())
        await super().packet(packet)

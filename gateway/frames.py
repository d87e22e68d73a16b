"""Numbering, acknowledgement and resume of one signalling session: pure, no socket, no clock.

`protocol/signalling.py` says the rules. Two cursors stand on each side:

    ours    1 .. acknowledged .. last numbered     kept until the relay acknowledges them
    theirs  1 .. done .. taken                     `taken` filters what is sent twice, `done` is what we
                                                   acknowledge: its handler has returned, what it had to
                                                   commit is committed (I1)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from protocol import VERSION
from protocol.guest_signalling import GuestLeft, GuestRefused
from protocol.limits import SIGNALLING_BACKLOG
from protocol.signalling import (
    CallLeft,
    CallRefused,
    FrameFromVehicle,
    FrameToVehicle,
    FromVehicle,
    Hello,
    Nothing,
    PrescriptionProgress,
    Role,
    ToVehicle,
    VehicleHealth,
    Welcome,
)

ADDED: dict[type, tuple[str, ...]] = {VehicleHealth: ("call",)}
"""What a relay of the plain subprotocol refuses (`protocol.SUBPROTOCOL_1`)."""

CARRIED_OVER = (PrescriptionProgress, CallLeft, CallRefused, GuestLeft, GuestRefused)
"""Facts no snapshot repeats; idempotent, so they go into the next session when one is lost. Anything
else (an offer, a candidate) belongs to the session it was made in."""

Acknowledged = Callable[[], None]


class FrameError(Exception):
    """The relay broke the numbering; the socket closes and the session resumes or starts anew."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Kept:
    """One of our frames the relay has not acknowledged."""

    n: int
    body: FromVehicle
    acknowledged: Acknowledged | None


class LinkFrames:
    """Both ends of the numbering on the vehicle's side, across sockets."""

    def __init__(self, capacity: int = SIGNALLING_BACKLOG) -> None:
        self._capacity = capacity
        self._session: str | None = None
        self._token = ""
        self._kept: deque[Kept] = deque()
        self._last = 0
        self._taken = 0
        self._done = 0
        self._said = 0

    @property
    def unacknowledged(self) -> int:
        """Frames the relay has not acknowledged."""
        return len(self._kept)

    @property
    def last(self) -> int:
        """Number of our newest frame."""
        return self._last

    def hello(self) -> FrameFromVehicle:
        """The first frame on a new socket."""
        if self._session is None:
            return FrameFromVehicle(n=0, ack=0, body=Hello(version=VERSION, role=Role.vehicle))
        return FrameFromVehicle(n=0, ack=self._done, body=Hello(
            version=VERSION, role=Role.vehicle, session=self._session, resume_token=self._token,
            last_seen=self._done))

    def welcome(self, welcome: Welcome) -> list[Acknowledged]:
        """Take the relay's answer; what is kept after it is to be sent. Raises FrameError.

        A session that was not resumed starts at 1 with what must not be lost (`CARRIED_OVER`).
        Returns the callbacks of frames the relay has acknowledged by resuming.
        """
        if welcome.resumed:
            if self._session is None or welcome.session != self._session:
                self.forget()
                raise FrameError("link.resumed_unasked")
            # What was handed to a handler before the break is not asked for twice: `taken` filters it.
            self._token = welcome.resume_token
            self._said = self._done
            return self._acknowledge(welcome.last_seen)
        carried = [kept for kept in self._kept if isinstance(kept.body, CARRIED_OVER)]
        self._session, self._token = welcome.session, welcome.resume_token
        self._taken = self._done = self._said = 0
        self._kept.clear()
        self._last = 0
        for kept in carried:
            self._keep(kept.body, kept.acknowledged)
        return []

    def push(self, body: FromVehicle, acknowledged: Acknowledged | None = None) -> None:
        """Number one message. When the buffer is full the session is given up: the relay keeps no more
        than this either, and both start from snapshots."""
        if len(self._kept) >= self._capacity:
            self.forget()
            while len(self._kept) >= self._capacity:
                self._kept.popleft()
        self._keep(body, acknowledged)

    def forget(self) -> None:
        """Give the session up; the next `hello` asks for a new one."""
        self._session, self._token = None, ""
        self._kept = deque(kept for kept in self._kept if isinstance(kept.body, CARRIED_OVER))

    @property
    def session(self) -> str | None:
        """The session the next `hello` asks to resume; None: it asks for a new one."""
        return self._session

    def after(self, n: int) -> list[FrameFromVehicle]:
        """Our frames numbered above `n`, oldest first, with the acknowledgement as it stands."""
        found = [FrameFromVehicle(n=kept.n, ack=self._done, body=kept.body) for kept in self._kept if kept.n > n]
        if found:
            self._said = self._done
        return found

    def take(self, frame: FrameToVehicle) -> tuple[ToVehicle | None, list[Acknowledged]]:
        """A frame from the relay: its body (None when it came twice) and the callbacks of what it
        acknowledges. Raises FrameError when one is missing before it."""
        acknowledged = self._acknowledge(frame.ack)
        if frame.n == 0:
            return frame.body, acknowledged
        if frame.n <= self._taken:
            return None, acknowledged
        if frame.n != self._taken + 1:
            raise FrameError("link.gap")
        self._taken = frame.n
        return frame.body, acknowledged

    def done(self, session: str | None, n: int) -> None:
        """The handler of frame `n` of `session` has returned: it may be acknowledged."""
        if session == self._session:
            self._done = max(self._done, n)

    @property
    def ack_due(self) -> bool:
        """Something was done that no frame of ours has acknowledged yet."""
        return self._done > self._said

    def ack(self) -> FrameFromVehicle:
        """A frame that carries an acknowledgement and no more."""
        self._said = self._done
        return FrameFromVehicle(n=0, ack=self._done, body=Nothing())

    def _keep(self, body: FromVehicle, acknowledged: Acknowledged | None) -> None:
        self._last += 1
        self._kept.append(Kept(self._last, body, acknowledged))

    def _acknowledge(self, n: int) -> list[Acknowledged]:
        if n > self._last:
            self.forget()
            raise FrameError("link.acknowledged_unsent")
        found = []
        while self._kept and self._kept[0].n <= n:
            kept = self._kept.popleft()
            if kept.acknowledged is not None:
                found.append(kept.acknowledged)
        return found


def text(frame: FrameFromVehicle, *, plain: bool) -> str:
    """JSON. `plain`: for a relay of before what was added."""
    added = ADDED.get(type(frame.body), ()) if plain else ()
    if not added:
        return msgspec.json.encode(frame).decode()
    values = msgspec.to_builtins(frame)
    for field in added:
        del values["body"][field]
    return msgspec.json.encode(values).decode()

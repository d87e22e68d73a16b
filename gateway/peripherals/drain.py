"""Draining a memory through its Record Access Control Point, knowing what of it was stored before. Pure.

Asks for what is newer than the last record stored. When there is nothing newer, the newest record is asked for: one
with a lower number says that the memory was emptied and counts anew, and then everything is fetched. Nothing is ever
deleted.
"""

from __future__ import annotations

import enum

from .profiles import racp
from .profiles.racp import Procedure, State


class _Asked(enum.Enum):
    newer = "newer"
    newest = "newest"
    everything = "everything"


LAST_NUMBER = 0xFFFF


class Drain:
    """One drain: write `request`, then whatever `answered` returns, until it returns None."""

    def __init__(self, last: int | None, now: float) -> None:
        """`last`: number of the newest record that is stored; None: not known."""
        self._last = last
        self._heard: int | None = None
        since = None if last is None or last >= LAST_NUMBER else last + 1
        self._asked = _Asked.everything if since is None else _Asked.newer
        self._procedure = Procedure(since, now)

    @property
    def request(self) -> bytes:
        """The first thing to write."""
        return self._procedure.request

    @property
    def over(self) -> bool:
        """Nothing more is expected."""
        return self._procedure.state is not State.running

    @property
    def whole(self) -> bool:
        """Everything that the memory held and we had not was sent."""
        return self._procedure.state in (State.complete, State.empty)

    @property
    def code(self) -> str | None:
        """Why it failed."""
        return self._procedure.code

    def record(self, number: int | None, now: float) -> None:
        """A record came."""
        self._procedure.record(now)
        self._heard = number

    def tick(self, now: float) -> None:
        """Time passes."""
        self._procedure.tick(now)

    def answered(self, data: bytes, now: float) -> bytes | None:
        """An indication of the control point: what to write next. DecodeError as `racp.decode`."""
        state = self._procedure.indication(data, now)
        if state is State.failed and self._procedure.fallback is not None:
            return self._next(_Asked.everything, racp.report(), now)
        if self._asked is _Asked.newer and state is State.empty:
            self._heard = None
            return self._next(_Asked.newest, racp.last(), now)
        if self._asked is _Asked.newest and state is State.complete and self._heard is not None \
                and self._last is not None and self._heard < self._last:
            return self._next(_Asked.everything, racp.report(), now)
        if self._asked is _Asked.newest and state is State.failed:
            # It can't name its newest record: then all of them say it.
            return self._next(_Asked.everything, racp.report(), now)
        return None

    def _next(self, asked: _Asked, request: bytes, now: float) -> bytes:
        self._asked, self._procedure = asked, Procedure(None, now)
        return request

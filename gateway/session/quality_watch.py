"""Looks at the call twice a second and tells the doctor's page and the touchscreen how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateway.media.events import PeerState
from gateway.store.records import CallRecord
from protocol.quality import CallQuality, CallSummary, Reception

from .call import CallDesk
from .chart import Chart
from .microphone import Microphone
from .quality import Grader, Look, Totals
from .seams import Media
from .states import IN_CALL

LOOK_SECONDS = 0.5
"""A grade falls within this of its cause; it is told once a second, and at once when it fell."""

LOOKS_A_TELL = 2


class QualityWatch:
    """One grader a call. `changed` is called when the touchscreen has something new to show."""

    def __init__(self, chart: Chart, media: Media, call: CallDesk, microphone: Microphone, clock: Callable[[], float],
                 changed: Callable[[], None]) -> None:
        self._chart = chart
        self._media = media
        self._call = call
        self._microphone = microphone
        self._clock = clock
        self._changed = changed
        self._grader = Grader()
        self._call_id: str | None = None
        self._past = Totals()
        self._last: CallSummary | None = None
        self._looks = 0
        self._told: CallQuality | None = None

    @property
    def quality(self) -> CallQuality | None:
        """As it was told last, while a call runs."""
        return self._told if self._follow() is not None else None

    @property
    def totals(self) -> Totals:
        """Since this process began, over all calls: for Prometheus, whose counters only rise."""
        return self._past + self._grader.totals

    @property
    def summary(self) -> CallSummary | None:
        """Of the call that runs, else of the last one."""
        running = self._follow() is not None
        return self._grader.summary(running=running) or self._last

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def received(self, generation: int, reception: Reception) -> None:
        """From the doctor's page of this generation."""
        self._follow()
        self._grader.received(generation, reception, self._clock())

    def look(self) -> None:
        """Once; tells whom it concerns."""
        before = self._told
        quality = self._graded()
        told = self._told
        self._looks += 1
        same = told is not None and quality is not None and (told.voice, told.picture, told.code) == (
            quality.voice, quality.picture, quality.code)
        if quality is not None and same and self._looks % LOOKS_A_TELL:
            return
        self._told = quality
        if quality is not None:
            self._call.tell(quality)
            if not same:
                # The situation says in its own words that the picture pauses.
                self._call.changed()
        if quality != before:
            self._changed()

    def _follow(self) -> CallRecord | None:
        """The call of now; a new one begins with a grader of its own."""
        record = self._chart.record
        call = record.call if record is not None and self._chart.state in IN_CALL else None
        call_id = call.call_id if call is not None else None
        if call_id != self._call_id:
            self._last = self._grader.summary(running=False) or self._last
            self._past, self._grader, self._call_id = self.totals, Grader(), call_id
            # What was told last is of that call: it is nobody's grade any more.
            self._told = None
        return call

    def _graded(self) -> CallQuality | None:
        call, current = self._follow(), self._call.current
        if call is None or (current is not None and current.refused is not None):
            return None
        media = self._media
        uplink = next((uplink for uplink in media.uplinks if uplink.in_use), None)
        return self._grader.look(Look(
            generation=call.generation, state=current.state if current is not None else PeerState.closed,
            figures=media.figures, camera=media.camera.present or media.shown is not None,
            shown=media.shown is not None, voiced=self._microphone.code is None,
            interface=uplink.name if uplink is not None else "",
            relayed=uplink.relayed if uplink is not None else False), self._clock())

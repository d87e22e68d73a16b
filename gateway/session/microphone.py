"""The nurse's microphone: muted or not, and why the doctor does not hear the bus.

The gateway mutes, whatever the touchscreen's page does: no voice leaves the bus. It holds for the call, over reloads,
generations and a restart, and ends with it. An open stethoscope is another microphone and is heard all the same.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from msgspec.structs import replace

from gateway.store import StoreError

from .chart import Chart
from .errors import Refused
from .seams import Media
from .states import IN_CALL

log = structlog.get_logger()


class Microphone:
    """`changed` is called when `muted` or `code` did."""

    def __init__(self, chart: Chart, media: Media, changed: Callable[[], None]) -> None:
        self._chart = chart
        self._media = media
        self._changed = changed
        self._asked: tuple[str, bool] | None = None
        """Call and wish: holds also when the disk did not take it."""
        self._fault: str | None = None

    @property
    def muted(self) -> bool:
        """By the nurse, in this call."""
        record = self._chart.record
        if record is None or record.call is None or self._chart.state not in IN_CALL:
            return False
        if self._asked is not None and self._asked[0] == record.call.call_id:
            return self._asked[1]
        return record.call.muted

    @property
    def code(self) -> str | None:
        """Why the bus is not to be heard: `microphone.muted`, what the page said of its microphone,
        `microphone.missing`, `microphone.silent`; None: it is."""
        if self.muted:
            return "microphone.muted"
        if self._media.microphone:
            self._fault = None
        code = self._media.microphone_code
        return self._fault or code if code == "microphone.missing" else code

    def failed(self, code: str) -> None:
        """The page has no microphone, and why."""
        self._fault = code
        self._changed()

    async def mute(self, muted: bool) -> None:
        """At once; then it is remembered. Raises Refused(`call.none`)."""
        record = self._chart.record
        if record is None or record.call is None or self._chart.state not in IN_CALL:
            raise Refused("call.none")
        call_id = record.call.call_id
        self._asked = (call_id, muted)
        self._media.mute(muted)
        log.info("microphone.muted" if muted else "microphone.unmuted")
        self._changed()
        try:
            async with self._chart.turn():
                record = self._chart.record
                if record is not None and record.call is not None and record.call.call_id == call_id:
                    await self._chart.save(call=replace(record.call, muted=muted))
        except StoreError as error:
            # It is muted all the same; a restart before the next change of the record would forget it.
            log.error("microphone.unsaved", code=error.code)

    def settle(self) -> None:
        """Follow the chart: what holds in this call, nothing without one. Cheap: called on every change."""
        if self._media.muted != self.muted:
            self._media.mute(self.muted)

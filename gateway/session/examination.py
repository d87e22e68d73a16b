"""What the doctor looks through and listens with: one examination camera, one stethoscope, at most.

Doctor and nurse both switch them; the last one to ask has it. Nothing stays open once nobody sits on the chair or the
doctor has left: an open stethoscope is an open microphone.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from protocol.readings import CAMERAS, InstrumentKind

from .chart import Chart
from .errors import Refused
from .seams import Instruments, Media
from .states import IN_CALL

log = structlog.get_logger()


class Examination:
    """Methods raise Refused, or an instrument's own coded error."""

    def __init__(self, chart: Chart, media: Media, instruments: Instruments, changed: Callable[[], None]) -> None:
        self._chart = chart
        self._media = media
        self._instruments = instruments
        self._changed = changed
        self._asked = False
        """A camera was asked for; its first picture may not have come yet."""
        self._call_id: str | None = None
        """The call in which something was opened."""

    @property
    def shown(self) -> str | None:
        """The camera in the picture's place."""
        return self._media.shown

    @property
    def listening(self) -> str | None:
        """The stethoscope on the second track."""
        return self._media.listening

    @property
    def beside(self) -> bool:
        """Whether the room's picture stands beside that camera's."""
        return self._media.beside

    def show(self, instrument_id: str | None, *, beside: bool = False) -> None:
        """Give the encoder this camera; None: the room's. `beside`: the room's small beside it."""
        if instrument_id is None:
            self._media.show(None)
        else:
            self._require(instrument_id, CAMERAS)
            # The camera stays open while its viewer is replaced by the next.
            self._media.show(self._instruments.frames(instrument_id), instrument_id, beside=beside)
        self._asked = instrument_id is not None
        self._call_id = self._current_call()
        log.info("examination.shown", instrument=instrument_id, beside=beside)
        self._changed()

    def listen(self, instrument_id: str | None) -> None:
        """Open this stethoscope; None: close it."""
        if instrument_id is not None:
            self._require(instrument_id, frozenset({InstrumentKind.stethoscope}))
        self._media.listen(instrument_id)
        self._call_id = self._current_call()
        log.info("examination.listening", instrument=instrument_id)
        self._changed()

    def settle(self) -> None:
        """Close everything when there is no call any more, or it became another doctor's. Cheap: called on every
        change of the chart."""
        if self._chart.state in IN_CALL and self._current_call() == self._call_id:
            return
        if self._asked:
            self.show(None)
        if self._media.listening is not None:
            self.listen(None)

    def _current_call(self) -> str | None:
        record = self._chart.record
        return record.call.call_id if record is not None and record.call is not None else None

    def _require(self, instrument_id: str, kinds: frozenset[InstrumentKind]) -> None:
        if self._chart.state not in IN_CALL:
            raise Refused("call.none")
        kind = next((i.kind for i in self._instruments.instruments() if i.instrument_id == instrument_id), None)
        if kind not in kinds:
            raise Refused("instrument.unknown")

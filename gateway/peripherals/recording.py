"""A finished recording that an instrument left behind as a file: one reading, one waveform, its samples.

The samples of a resting ECG are all there when the file is: they are cut into chunks when a stream number is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from protocol.readings import Chunk, Reading, Waveform

CHUNK_S: Final = 1.0
"""Nobody waits for a tenth of a second of what is already over: ten times fewer rows than a live stream."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordingArrived:
    """A recording as it was found, before anyone decided whose it is.

    `reading` has the kind `ecg_recording`, `recording` = SHA-256 of the file and a `reading_id` made of it: the same
    file gives the same identifier. `waveform` is a template (`stream_id` 0, `reading_id` set). `samples` is one row an
    instant, one column an entry of `waveform.leads` (int32). `patient_id`, `patient_name` (`FAMILY^Given` as DICOM
    writes it), `birth_date` (YYYY-MM-DD) are what the cart was told, empty where it was not: hints, never an identity.
    """

    reading: Reading
    waveform: Waveform
    samples: NDArray[np.int32]
    patient_id: str = ""
    patient_name: str = ""
    birth_date: str = ""

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[1] != len(self.waveform.leads) or not len(self.samples):
            raise ValueError(f"samples of shape {self.samples.shape} for {len(self.waveform.leads)} leads")

    @property
    def chunk_count(self) -> int:
        """How many `chunks` there are: what `WaveformEnd.chunks` says."""
        return -(-len(self.samples) // self._rows)

    def described(self, stream_id: int) -> Waveform:
        """The waveform under its stream number."""
        return msgspec.structs.replace(self.waveform, stream_id=stream_id)

    def chunks(self, stream_id: int) -> Iterator[Chunk]:
        """All samples in their order, numbered from 0, timed from `waveform.started_at`."""
        rate, began = float(self.waveform.rate_hz), self.waveform.started_at.timestamp()
        for number, first in enumerate(range(0, len(self.samples), self._rows)):
            rows = self.samples[first:first + self._rows]
            yield Chunk(stream_id, number, began + first / rate, rows.shape[1], tuple(rows.ravel().tolist()))

    @property
    def _rows(self) -> int:
        return max(1, round(float(self.waveform.rate_hz) * CHUNK_S))


class RecordingSink(Protocol):
    """The part of `panel.InstrumentSink` that takes recordings."""

    async def reading(self, reading: Reading) -> None:
        """Returns when the reading is committed to disk (here: a file that can't be read)."""

    async def recording(self, arrived: RecordingArrived) -> None:
        """Returns when reading, waveform, every chunk and the waveform's end are committed to disk. The same
        `reading_id` may come again after a power cut; the second one is to be dropped."""

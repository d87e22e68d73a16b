"""Is this electrocardiogram one that can be read? Judged a lead at a time over a second or two. Pure.

Nothing here changes a sample: a bad lead is shown as it is, with what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .profiles.ecg_leads import LEADS

WINDOW_S: Final = 2.0
"""One heartbeat at 30 a minute; a shorter piece may lie between two beats and look flat."""

FLAT_UV: Final = 5.0
"""Peak to peak. Skin and electrode alone make more than 10 uV; an input that is not connected to a body, or that the
recorder has grounded, makes less than its own noise."""

LOST_SHARE: Final = 0.5
"""Samples marked as no value by the device, past which there is no lead."""

RAIL_SHARE: Final = 0.02
"""Samples at the end of the range: a stimulator's spike is 2 ms of 2 s."""

RAIL_MARGIN: Final = 0.999

MAINS_HZ: Final = (50.0, 60.0)
MAINS_UV: Final = 50.0
"""Amplitude of the mains: half a millimetre on paper, where it hides a P wave."""
MAINS_SHARE: Final = 0.1
"""Of the power between 0.5 Hz and half the rate. A narrow QRS reaches 50 Hz, but not with a tenth of its power."""

LEAD_OFF: Final = "ecg.lead_off"
SATURATED: Final = "ecg.saturated"
MAINS: Final = "ecg.mains"


@dataclass(frozen=True, slots=True)
class LeadQuality:
    """One lead over one window. `mains_uv` is the amplitude at 50 or 60 Hz, whichever is more."""

    lead_off: bool = False
    saturated: bool = False
    mains: bool = False
    mains_uv: float = 0.0

    @property
    def problem(self) -> str | None:
        """The worst of it, as a code for the screens."""
        return LEAD_OFF if self.lead_off else SATURATED if self.saturated else MAINS if self.mains else None


def judge(counts: NDArray[np.int32], rate_hz: float, microvolts: Sequence[float], lost_count: int,
          rail: int | None = None) -> tuple[LeadQuality, ...]:
    """Each lead of `counts`, one row an instant, one column a lead; `microvolts` of one count, a lead; `rail` the
    count at the end of the converter's range, None where it is not known."""
    lost = counts == lost_count
    values = np.where(lost, 0, counts).astype(np.float64)
    amplitudes, shares = _mains(values, lost, rate_hz, microvolts)
    found = []
    for lead in range(counts.shape[1]):
        there = values[~lost[:, lead], lead]
        if len(there) < len(values) * (1 - LOST_SHARE):
            found.append(LeadQuality(lead_off=True))
            continue
        saturated = rail is not None and bool(np.mean(np.abs(there) >= rail * RAIL_MARGIN) > RAIL_SHARE)
        flat = float(np.ptp(there)) * microvolts[lead] < FLAT_UV
        amplitude = float(amplitudes[lead])
        found.append(LeadQuality(flat and not saturated, saturated,
                                 amplitude > MAINS_UV and float(shares[lead]) > MAINS_SHARE, amplitude))
    return tuple(found)


def worst(leads: Sequence[LeadQuality]) -> str | None:
    """One code for all leads: an electrode that is off before a rail before the mains."""
    problems = {lead.problem for lead in leads}
    return next((code for code in (LEAD_OFF, SATURATED, MAINS) if code in problems), None)


def _mains(values: NDArray[np.float64], lost: NDArray[np.bool_], rate_hz: float,
           microvolts: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amplitude in uV and share of the power of the mains, a lead."""
    size, leads = values.shape
    none = np.zeros(leads)
    if size < rate_hz / 2 or rate_hz <= 2 * min(MAINS_HZ):
        return none, none
    # A hole filled with zeros would ring over the whole spectrum: the lead's mean is quieter.
    present = np.maximum(size - lost.sum(axis=0), 1)
    means = values.sum(axis=0) / present
    window = np.hanning(size)[:, None]
    spectrum = np.abs(np.fft.rfft(np.where(lost, 0.0, values - means) * window, axis=0))
    frequencies = np.fft.rfftfreq(size, 1 / rate_hz)
    power = spectrum ** 2
    total = power[frequencies >= 0.5].sum(axis=0)
    amplitude, share = none, none
    for mains in MAINS_HZ:
        near = np.abs(frequencies - mains) <= max(1.0, 1.5 * rate_hz / size)
        if mains >= rate_hz / 2 or not near.any():
            continue
        # A Hann window halves an amplitude, and the transform gives half of it a side.
        peak = spectrum[near].max(axis=0) * 4 / size * np.asarray(microvolts)
        better = peak > amplitude
        part = power[near].sum(axis=0) / np.maximum(total, 1e-12)
        amplitude, share = np.where(better, peak, amplitude), np.where(better, part, share)
    return amplitude, share


class Watch:
    """Samples in as they come, `problem` out: the last whole window's. Bounded by one window."""

    def __init__(self, rate_hz: float, microvolts: Sequence[float], lost_count: int, rail: int | None = None) -> None:
        self._rate_hz, self._microvolts, self._lost_count, self._rail = rate_hz, microvolts, lost_count, rail
        self._rows: list[tuple[int, ...]] = []
        self._size = max(1, round(rate_hz * WINDOW_S))
        self.leads: tuple[LeadQuality, ...] = ()

    @property
    def problem(self) -> str | None:
        return worst(self.leads)

    def add(self, row: tuple[int, ...]) -> None:
        """One instant of all leads."""
        self._rows.append(row)
        if len(self._rows) >= self._size:
            counts = np.array(self._rows, dtype=np.int32)
            self.leads = judge(counts, self._rate_hz, self._microvolts, self._lost_count, self._rail)
            # Half a window is kept: what begins is seen within a second.
            del self._rows[:self._size // 2 or 1]


def einthoven(counts: NDArray[np.int32], leads: Sequence[int], microvolts: Sequence[float], lost_count: int) -> bool:
    """Whether II = I + III, as it must (W. Einthoven 1908), to a tenth of what lead II swings; True where a lead is
    missing. Leads that were stored under each other's names, or taken at different times, fail."""
    wanted = (LEADS["I"], LEADS["II"], LEADS["III"])
    if any(lead not in leads for lead in wanted):
        return True
    columns = [list(leads).index(lead) for lead in wanted]
    there = (counts[:, columns] != lost_count).all(axis=1)
    if there.sum() < 2:
        return True
    one, two, three = (counts[there, column].astype(np.float64) * microvolts[column] for column in columns)
    rest = two - one - three
    return bool(np.std(rest) <= max(0.1 * np.std(two), FLAT_UV))

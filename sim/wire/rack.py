"""The serial instruments of one vehicle by name, each with what the gateway must receive from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sim import heart
from sim.patient import Patient

from . import frames
from .labour import QUARTERS_A_SECOND, Labour
from .leads import NAMES as LEADS
from .leads import TwelveLeads, recorded, synthesised
from .line import SerialBox

Row = tuple[int | None, ...]

DEVICES: Final = ("ecg12", "ads1292r", "cyton", "corometrics")

ADS_RATE_HZ: Final = 125
CYTON_RATE_HZ: Final = 250
CYTON_LEADS: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""How its eight channels are wired here."""

BREATHS: Final = 15
ELECTRODES: Final = ("ra", "la", "ll", "rl", "v1", "v2", "v3", "v4", "v5", "v6")


@dataclass(slots=True)
class Wired:
    """One instrument. `row(n)`: the n-th instant as it must arrive; `rows_a_frame` of them are in a frame."""

    box: SerialBox
    kind: str
    rate_hz: float
    row: Callable[[int], Row]
    rows_a_frame: int = 1
    loop: int = 0
    """Instants until the signal repeats; 0: it does not."""
    loose: Callable[[str], None] | None = None
    """Take an electrode or a transducer off (`""`: put all back)."""

    def described(self) -> dict[str, Any]:
        """For `sim.json`: where it is, what it is, which driver reads it."""
        return {"path": str(self.box.path), "kind": self.kind, "driver": self.box.name, "rate_hz": self.rate_hz}

    def state(self) -> dict[str, Any]:
        """For the control server."""
        return {"plugged": self.box.plugged, "opened": self.box.opened, "sent": self.box.sent * self.rows_a_frame,
                "rate_hz": self.rate_hz, "loop": self.loop}


def wired(names: Sequence[str], directory: Path, patient: Patient, record: Path | None = None) -> dict[str, Wired]:
    """The instruments of these names. `record`: a WFDB record with twelve leads for `ecg12`. Blocking."""
    makers = {"ecg12": lambda path: _ecg12(path, recorded(record) if record else synthesised(patient)),
              "ads1292r": lambda path: _ads1292r(path, patient), "cyton": lambda path: _cyton(path, patient),
              "corometrics": _corometrics}
    return {name: makers[name](directory / name) for name in names}


def _ecg12(path: Path, source: TwelveLeads) -> Wired:
    off = {"bits": 0}

    def row(number: int) -> Row:
        return source.row(number)

    def frame(number: int) -> bytes:
        first = number * frames.TWELVE_INSTANTS
        rows = [source.row(n) for n in range(first, first + frames.TWELVE_INSTANTS)]
        if off["bits"]:
            rows = [_without(instant, off["bits"]) for instant in rows]
        return frames.twelve(first, source.rate_hz, rows, off["bits"])

    def loose(electrode: str) -> None:
        off["bits"] = 1 << ELECTRODES.index(electrode) if electrode else 0

    return Wired(SerialBox("ecg12", path, source.rate_hz / frames.TWELVE_INSTANTS, frame), "ecg", source.rate_hz, row,
                 frames.TWELVE_INSTANTS, len(source.rows), loose)


def _without(row: Sequence[int], off: int) -> tuple[int, ...]:
    """Leads that need a loose electrode have no value: a limb electrode spoils every lead, Wilson's terminal
    included; a chest electrode its own."""
    if off & 0b1111:
        return (frames.NO_VALUE,) * len(LEADS)
    return tuple(frames.NO_VALUE if at >= 6 and off >> (at - 2) & 1 else value for at, value in enumerate(row))


def _ads1292r(path: Path, patient: Patient) -> Wired:
    millivolts = heart.lead_i(patient.heart_rate, ADS_RATE_HZ)
    counts = [round(value * 1000 / frames.ADS1292R_UV) for value in millivolts.tolist()]

    def frame(number: int) -> bytes:
        return frames.ads1292r(counts[number % len(counts)], 0, BREATHS, patient.heart_rate)

    return Wired(SerialBox("ads1292r", path, ADS_RATE_HZ, frame), "ecg", ADS_RATE_HZ,
                 lambda n: (counts[n % len(counts)],), 1, len(counts))


def _cyton(path: Path, patient: Patient) -> Wired:
    # Every second of 500 instants a second; counts of half a microvolt into counts of 22 nV.
    source = synthesised(patient)
    columns = [LEADS.index(name) for name in CYTON_LEADS]
    rows = [tuple(round(row[at] * frames.TWELVE_NV / 1000 / frames.CYTON_UV) for at in columns)
            for row in source.rows[::2]]

    def frame(number: int) -> bytes:
        return frames.cyton(number, rows[number % len(rows)])

    return Wired(SerialBox("cyton", path, CYTON_RATE_HZ, frame, start=b"b", stop=b"s"), "ecg", CYTON_RATE_HZ,
                 lambda n: rows[n % len(rows)], 1, len(rows))


def _corometrics(path: Path) -> Wired:
    labour = Labour()

    def row(number: int) -> Row:
        return labour.heart_rate(number), None, labour.activity(2 * number), labour.activity(2 * number + 1)

    def frame(number: int) -> bytes:
        first, second, one, two = row(number)
        return frames.corometrics(first, second, (one, two))

    def loose(transducer: str) -> None:
        labour.transducer_off = bool(transducer)

    return Wired(SerialBox("corometrics", path, QUARTERS_A_SECOND, frame), "ctg", QUARTERS_A_SECOND, row, loose=loose)

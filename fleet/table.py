"""The list of vehicles as a table of plain text. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime

from protocol.accounts import VehicleRow
from protocol.quality import CallSummary

from .words import Words

_COLUMNS = ("id", "name", "territory", "state", "seen", "release", "certificate", "call", "problems")


def table(rows: Sequence[VehicleRow], words: Words, now: datetime) -> str:
    """One line a vehicle under a line of titles; columns as wide as their widest cell."""
    cells = [tuple(words(f"column.{column}") for column in _COLUMNS), *(_cells(row, words, now) for row in rows)]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
                     .rstrip() for line in cells)


def _cells(row: VehicleRow, words: Words, now: datetime) -> tuple[str, ...]:
    days = "–" if row.certificate_days is None else words("days", n=str(row.certificate_days))
    state = words(f"state.{row.state}") if row.state in ("expected", "active", "revoked") else row.state
    return (row.vehicle_id, _printable(row.name), _printable(row.territory) or "–", state,
            words("seen.online") if row.online else _ago(row.last_seen, words, now), row.release or "–", days,
            _call(row.call, words),
            ", ".join(words.problem(problem.code, _printable(problem.subject)) for problem in row.problems) or "–")


def _call(call: CallSummary | None, words: Words) -> str:
    if call is None:
        return "–"
    said = words("call", voice=str(round(call.voice_good_percent)), picture=str(round(call.picture_good_percent)))
    return f"{said}, {words('call.outages', n=str(call.outages))}" if call.outages else said


def _ago(seen: datetime | None, words: Words, now: datetime) -> str:
    if seen is None:
        return words("seen.never")
    minutes = max(0, int((now - seen).total_seconds() // 60))
    if minutes < 60:
        return words("seen.minutes", n=str(minutes))
    if minutes < 48 * 60:
        return words("seen.hours", n=str(minutes // 60))
    return words("seen.days", n=str(minutes // (24 * 60)))


def _printable(text: str) -> str:
    # A name is typed by a person and must not steer the terminal.
    return "".join(char for char in text if unicodedata.category(char)[0] != "C")


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
               for char in text)

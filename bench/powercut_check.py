"""After the power is back: is everything there that was acknowledged? Looks at the files alone, not at our code."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATABASE, FILES = "passerelle.sqlite3", "files"

ORDER = ("arrived", "printing", "printed", "handed_over")


@dataclass(slots=True)
class Acknowledged:
    """What a program said it had committed, over all its lives."""

    encounters: set[str] = field(default_factory=set)
    readings: set[str] = field(default_factory=set)
    stills: dict[str, str] = field(default_factory=dict)
    chunks: set[tuple[int, int]] = field(default_factory=set)
    papers: dict[str, str] = field(default_factory=dict)
    acks: dict[str, int] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        """One line of the program. A line the cut tore is no acknowledgement."""
        try:
            item: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        match item:
            case {"encounter": str(encounter)}:
                self.encounters.add(encounter)
            case {"reading": str(reading)}:
                self.readings.add(reading)
            case {"still": still, "sha256": sha256}:
                self.stills[still] = sha256
            case {"chunk": [stream, number]}:
                self.chunks.add((stream, number))
            case {"paper": [paper, state]}:
                self.papers[paper] = state
            case {"ack": [encounter, seq]}:
                self.acks[encounter] = max(seq, self.acks.get(encounter, 0))

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {"encounters": len(self.encounters), "readings": len(self.readings), "stills": len(self.stills),
                "chunks": len(self.chunks), "papers": len(self.papers), "acknowledgements": len(self.acks)}

    def total(self) -> int:
        """All of them."""
        return sum(self.counts().values())


@dataclass(frozen=True, slots=True)
class Verdict:
    """`lost`: acknowledged and not there, by kind. `integrity`: "ok" or SQLite's words. `damaged`: files that do not
    fit their hash or row. `holes`: event numbers missing or doubled."""

    lost: dict[str, int]
    integrity: str
    damaged: int
    holes: int

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not any(self.lost.values()) and self.integrity == "ok" and not self.damaged and not self.holes


def check(directory: Path, said: Acknowledged) -> Verdict:
    """Compare a copy of the directory with what was said: the original goes into its next life untouched."""
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary)
        for name in (DATABASE, f"{DATABASE}-wal"):
            if (directory / name).exists():
                shutil.copy(directory / name, copy / name)
        try:
            with closing(sqlite3.connect(copy / DATABASE)) as connection:
                return _compare(connection, directory / FILES, said)
        except sqlite3.DatabaseError as error:
            return Verdict(said.counts(), str(error), 0, 0)


def _compare(connection: sqlite3.Connection, files: Path, said: Acknowledged) -> Verdict:
    integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'encounters'").fetchone():
        return Verdict(said.counts(), integrity, 0, 0)
    encounters = dict(connection.execute("SELECT encounter_id, acknowledged FROM encounters"))
    readings = {json.loads(body)["reading"]["reading_id"] for (body,) in connection.execute(
        "SELECT body FROM events WHERE json_extract(CAST(body AS TEXT), '$.type') = 'reading'")}
    kept = dict(connection.execute("SELECT still_id, sha256 FROM stills WHERE state = 'kept'"))
    chunks = set(connection.execute("SELECT stream_id, number FROM chunks"))
    papers = {paper: (state, sha256) for paper, state, sha256 in connection.execute(
        "SELECT prescription_id, state, sha256 FROM prescriptions")}
    lost = {
        "encounters": len(said.encounters - set(encounters)),
        "readings": len(said.readings - readings),
        "stills": sum(kept.get(still) != sha256 for still, sha256 in said.stills.items()),
        "chunks": len(said.chunks - chunks),
        "papers": sum(paper not in papers or ORDER.index(papers[paper][0]) < ORDER.index(state)
                      for paper, state in said.papers.items()),
        "acknowledgements": sum(encounters.get(encounter, -1) < seq for encounter, seq in said.acks.items()),
    }
    wanted = {*kept.values(), *(sha256 for _, sha256 in papers.values())}
    return Verdict(lost, "ok" if integrity == "ok" and not broken else f"{integrity}; {len(broken)} references",
                   _damaged(files, wanted), _holes(connection))


def _damaged(files: Path, wanted: Iterable[str]) -> int:
    return sum(not (files / name).exists() or hashlib.sha256((files / name).read_bytes()).hexdigest() != name
               for name in wanted)


def _holes(connection: sqlite3.Connection) -> int:
    """Encounters whose events do not count from 1 to `last_seq`."""
    return int(connection.execute(
        "SELECT count(*) FROM encounters e LEFT JOIN (SELECT encounter_id, count(*) AS n, max(seq) AS last FROM events "
        "GROUP BY encounter_id) s USING (encounter_id) "
        "WHERE coalesce(s.n, 0) <> e.last_seq OR coalesce(s.last, 0) <> e.last_seq").fetchone()[0])

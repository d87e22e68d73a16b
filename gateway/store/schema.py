"""The tables and the steps that lead to them. A step that was released never changes.

`user_version` counts the steps made; `application_id` tells our file from another SQLite file.
Bodies are JSON of `protocol` values: what a screen shows is what was stored.
"""

from __future__ import annotations

APPLICATION_ID = 0x50415353
""""PASS"."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE encounters (
        encounter_id TEXT PRIMARY KEY,
        opened_at TEXT NOT NULL,
        closed_at TEXT,
        last_seq INTEGER NOT NULL DEFAULT 0,
        acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged <= last_seq),
        record BLOB NOT NULL
    ) STRICT;
    -- At most one encounter is open: two patients cannot share the chair.
    CREATE UNIQUE INDEX one_open ON encounters ((closed_at IS NULL)) WHERE closed_at IS NULL;
    CREATE INDEX encounters_closed ON encounters (closed_at);

    CREATE TABLE events (
        encounter_id TEXT NOT NULL REFERENCES encounters,
        seq INTEGER NOT NULL CHECK (seq > 0),
        at TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (encounter_id, seq)
    ) STRICT, WITHOUT ROWID;

    -- One row for each measurement ever received; a memory that is sent again meets its key here.
    CREATE TABLE measurements (
        key TEXT PRIMARY KEY,
        reading_id TEXT NOT NULL,
        received_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE tray (
        reading_id TEXT PRIMARY KEY,
        received_at TEXT NOT NULL,
        reason TEXT NOT NULL,
        reading BLOB NOT NULL,
        settled_at TEXT,
        settled_by TEXT,
        encounter_id TEXT REFERENCES encounters
    ) STRICT;

    CREATE TABLE streams (
        stream_id INTEGER PRIMARY KEY AUTOINCREMENT,
        encounter_id TEXT NOT NULL REFERENCES encounters,
        instrument_id TEXT NOT NULL,
        waveform BLOB,
        ended BLOB,
        chunks INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX streams_running ON streams (encounter_id) WHERE ended IS NULL;

    CREATE TABLE chunks (
        stream_id INTEGER NOT NULL REFERENCES streams,
        number INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (stream_id, number)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE stills (
        still_id TEXT PRIMARY KEY,
        encounter_id TEXT NOT NULL REFERENCES encounters,
        instrument_id TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('review', 'kept', 'dropped')),
        still BLOB NOT NULL
    ) STRICT;
    CREATE INDEX stills_sha256 ON stills (sha256);

    CREATE TABLE prescriptions (
        prescription_id TEXT PRIMARY KEY,
        encounter_id TEXT NOT NULL REFERENCES encounters,
        state TEXT NOT NULL,
        sha256 TEXT,
        doctor TEXT NOT NULL,
        drugs BLOB NOT NULL
    ) STRICT;
    CREATE INDEX prescriptions_encounter ON prescriptions (encounter_id);

    CREATE TABLE prescription_steps (
        prescription_id TEXT NOT NULL REFERENCES prescriptions,
        n INTEGER NOT NULL,
        state TEXT NOT NULL,
        at TEXT NOT NULL,
        code TEXT,
        PRIMARY KEY (prescription_id, n)
    ) STRICT, WITHOUT ROWID;

    -- Signalling bodies the relay must get; a row goes when the relay has acknowledged it.
    CREATE TABLE outbox (
        n INTEGER PRIMARY KEY AUTOINCREMENT,
        body BLOB NOT NULL UNIQUE
    ) STRICT;

    CREATE TABLE kiosk_sessions (
        token_hash TEXT PRIMARY KEY,
        nurse_id TEXT NOT NULL,
        signed_in_at TEXT NOT NULL,
        seen_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE pin_failures (
        nurse_id TEXT PRIMARY KEY,
        failures INTEGER NOT NULL,
        last_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- Samples of a finished recording whose reading waits in the tray: they go to a stream when a person says whose.
    CREATE TABLE recordings (
        reading_id TEXT PRIMARY KEY REFERENCES tray,
        waveform BLOB NOT NULL,
        chunks BLOB NOT NULL
    ) STRICT;

    -- Instruments that were paired at the touchscreen, beside those of the configuration file.
    CREATE TABLE paired (
        instrument_id TEXT PRIMARY KEY,
        number INTEGER NOT NULL UNIQUE,
        body BLOB NOT NULL
    ) STRICT;
    """,
)

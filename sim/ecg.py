"""A simulated HealthyPi 5 on a pseudo-terminal: opens, plays one sample a frame at its rate, from sample 0.

Frame as the firmware writes it (Protocentral/protocentral_healthypi5_zephyr, app/src/data_module.c, `sendData`), from
an encoder of its own. The source is the synthesised heart or a WFDB record, in millivolts; what the converter's
counts make of it is what the gateway must receive, sample for sample.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import termios
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from . import heart
from .patient import Patient

_log = structlog.get_logger()

GAIN: Final = 80
"""V/V, what the board's device tree sets."""

COUNTS_PER_MV: Final = GAIN * 2**17 / 1000
"""18-bit converter, reference 1000 mV (MAX30001): count = V * 2^17 * gain / VREF."""

LOWEST, HIGHEST = -(2**17), 2**17 - 1
NATIVE_RATE_HZ: Final = 128.0

POLL_S: Final = 0.02
SETTLE_S: Final = 0.25
"""A driver flushes its input right after opening; the board needs longer than that after DTR."""

RED, INFRARED, TEMPERATURE, SPO2, BREATHS = 120_000, 140_000, 3350, 98, 15


@dataclass(frozen=True, slots=True)
class Source:
    """One loop of the record as the converter sees it."""

    name: str
    rate_hz: float
    counts: tuple[int, ...]


def synthesised(patient: Patient, rate_hz: float = NATIVE_RATE_HZ) -> Source:
    """The patient's own heart."""
    return Source("synthesised", rate_hz, to_counts(heart.lead_i(patient.heart_rate, rate_hz)))


def recorded(path: Path, rate_hz: float | None = None) -> Source:
    """The first channel of a WFDB record (path without extension), at its own rate unless told otherwise."""
    import wfdb  # type: ignore[import-untyped]  # it loads pandas: a second that only records need

    record = wfdb.rdrecord(str(path), channels=[0], physical=True)
    signal = np.nan_to_num(np.asarray(record.p_signal)[:, 0])
    in_mv = {"mV": 1.0, "uV": 0.001, "V": 1000.0}[record.units[0]]
    return Source(path.name, rate_hz or float(record.fs), to_counts(signal * in_mv))


def to_counts(millivolts: NDArray[np.float64]) -> tuple[int, ...]:
    """What the converter makes of the voltage, its rails included."""
    counts = np.clip(np.rint(millivolts * COUNTS_PER_MV), LOWEST, HIGHEST).astype(int)
    return tuple(counts.tolist())


def frame(ecg: int, heart_rate: int) -> bytes:
    """29 bytes."""
    def long(value: int) -> bytes:
        return bytes((value >> shift) & 0xFF for shift in (0, 8, 16, 24))

    payload = (long(ecg) + long(0) + b"\xff" + long(RED) + long(INFRARED)
               + bytes([TEMPERATURE & 0xFF, TEMPERATURE >> 8, SPO2, heart_rate & 0xFF, BREATHS]))
    return bytes([0x0A, 0xFA, len(payload), 0, 2]) + payload + b"\x00\x0b"


class EcgBox:
    """The board. `path` is where it is plugged in, a link as udev makes one under /dev/serial/by-id."""

    def __init__(self, source: Source, path: Path, patient: Patient) -> None:
        self.source, self.path = source, path
        self.plugged = True
        self.sent = 0
        """Samples since it was last opened."""
        self.opened = 0
        self._heart_rate = patient.heart_rate
        self._switched = asyncio.Event()
        self._garbage = b""

    def plug(self) -> None:
        """Put it into its socket."""
        self.plugged = True
        self._switched.set()

    def unplug(self) -> None:
        """Pull it out, in the middle of a frame if need be."""
        self.plugged = False
        self._switched.set()

    def disturb(self, noise: bytes) -> None:
        """Send these bytes between two frames, as a line that picks something up."""
        self._garbage += noise

    async def run(self) -> None:
        """Be plugged in and out until cancelled."""
        try:
            while True:
                if self.plugged:
                    await self._plugged_in()
                self._switched.clear()
                if not self.plugged:
                    await self._switched.wait()
        finally:
            self.path.unlink(missing_ok=True)

    async def _plugged_in(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave, termios.TCSANOW)
        name = os.ttyname(slave)
        # From the first close on the master reports a hang-up while nobody has the slave open.
        os.close(slave)
        os.set_blocking(master, False)
        beside = self.path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(name)
        beside.rename(self.path)
        try:
            while self.plugged:
                if _open(master):
                    await self._play(master)
                else:
                    await asyncio.sleep(POLL_S)
        finally:
            self.path.unlink(missing_ok=True)
            os.close(master)

    async def _play(self, master: int) -> None:
        await asyncio.sleep(SETTLE_S)
        self.sent, self.opened = 0, self.opened + 1
        _log.info("sim.ecg_opened", record=self.source.name, rate_hz=self.source.rate_hz)
        loop = asyncio.get_running_loop()
        began, counts = loop.time(), self.source.counts
        waiting, in_waiting = b"", 0
        while self.plugged and _open(master):
            due = int((loop.time() - began) * self.source.rate_hz) - self.sent - in_waiting
            if due > 0:
                at = self.sent + in_waiting
                waiting += self._take_garbage() + b"".join(
                    frame(counts[n % len(counts)], self._heart_rate) for n in range(at, at + due))
                in_waiting += due
            waiting = _write(master, waiting)
            # A frame counts as sent when its last byte has left.
            left = -(-len(waiting) // len(frame(0, 0)))
            self.sent += in_waiting - left
            in_waiting = left
            await asyncio.sleep(POLL_S)
        _log.info("sim.ecg_closed", sent=self.sent)

    def _take_garbage(self) -> bytes:
        noise, self._garbage = self._garbage, b""
        return noise


def _open(master: int) -> bool:
    poll = select.poll()
    poll.register(master, select.POLLHUP)
    return not any(event & select.POLLHUP for _, event in poll.poll(0))


def _write(master: int, data: bytes) -> bytes:
    """Write what the terminal takes; returns the rest. A host that stalls delays the frames, it does not lose them:
    USB holds far more than the 4 KiB of a pseudo-terminal."""
    while data:
        try:
            data = data[os.write(master, data):]
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""
    return data

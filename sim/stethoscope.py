"""A simulated electronic stethoscope: raw sound over TCP, as its USB sound card would give it.

Signed 16 bit little-endian, one channel, `rate_hz` samples a second, in blocks of 20 ms from the moment a client
connects. What is heard:

* the heart of `sim/heart.py`, beat for beat: S1 at the R peak + 50 ms, S2 with the T wave's end, as bursts of 50 and
  70 Hz (what phonocardiograms show: 20-150 Hz, 100 and 60 ms long);
* breath: noise of 150-500 Hz, swelling in time with the sinus arrhythmia of the same heart;
* a murmur on request: noise of 100-400 Hz between S1 and S2 (systolic) or behind S2 (diastolic);
* in the air (`place="air"`): the noise of the microphone alone, 70 dB under full scale;
* tones on request, for measuring: `tones=((60, 0.1), (600, 0.1))`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import structlog
from numpy.typing import NDArray

from .heart import BREATHS_PER_MINUTE, beats
from .listener import listen

BLOCK_SECONDS: Final = 0.02
LOOP_SECONDS: Final = 60.0
"""As the synthesised ECG: the sound is made once and looped."""

S1_AFTER_R: Final = 0.05
S2_AFTER_R: Final = 0.30
"""Of a beat of one second; the systole shortens with the square root of the beat (Bazett)."""

S1: Final = (50.0, 0.050, 0.35)
S2: Final = (70.0, 0.035, 0.25)
"""Hz, seconds of the bell's width, share of full scale."""

BREATH_SHARE: Final = 0.02
MURMUR_SHARE: Final = 0.08
HISS_SHARE: Final = 10 ** (-70 / 20)
"""The microphone's own noise."""

LATE_SECONDS: Final = 0.5
"""A stopped process does not catch up: what was not sent in time is left out."""

Murmur = Literal["none", "systolic", "diastolic"]
Place = Literal["chest", "air"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sound:
    """What the chest piece hears. ValueError says which value does not fit."""

    heart_rate: float = 72.0
    murmur: Murmur = "none"
    breath: bool = True
    place: Place = "chest"
    tones: tuple[tuple[float, float], ...] = ()
    """(Hz, share of full scale) each; with any, nothing else is heard."""

    def __post_init__(self) -> None:
        if not 20 <= self.heart_rate <= 300:
            raise ValueError(f"a heart rate of {self.heart_rate} a minute: 20 to 300")
        if self.murmur not in ("none", "systolic", "diastolic"):
            raise ValueError(f"murmur {self.murmur!r} is not none, systolic or diastolic")
        if self.place not in ("chest", "air"):
            raise ValueError(f"place {self.place!r} is not chest or air")
        if sum(share for _, share in self.tones) > 1 or any(f <= 0 or share < 0 for f, share in self.tones):
            raise ValueError("tones are positive and together at most full scale")


def sound(what: Sound, rate_hz: int, seconds: float = LOOP_SECONDS, seed: int = 7) -> NDArray[np.int16]:
    """About `seconds` of sound that can be looped."""
    *peaks, end = beats(what.heart_rate, seconds, random.Random(seed))
    count = round(end * rate_hz)
    t = np.arange(count) / rate_hz
    if what.tones:
        # Whole periods in the loop, so that it closes without a click.
        signal = sum((share * np.sin(2 * np.pi * round(f * end) / end * t) for f, share in what.tones), np.zeros(count))
        return _counts(signal)
    noise = np.random.default_rng(seed)
    signal = HISS_SHARE * noise.normal(0, 1, count)
    if what.place == "chest":
        for peak, following in pairwise((*peaks, end + peaks[0])):
            _beat(signal, t, peak, float(np.sqrt(following - peak)), end)
            if what.murmur != "none":
                _murmur(signal, noise, peak, following, what.murmur, rate_hz)
        if what.breath:
            swell = np.maximum(0, np.sin(2 * np.pi * round(end * BREATHS_PER_MINUTE / 60) * t / end)) ** 2
            signal += BREATH_SHARE * swell * _band(noise.normal(0, 1, count), 150, 500, rate_hz)
    return _counts(signal)


def _beat(signal: NDArray[np.float64], t: NDArray[np.float64], peak: float, stretch: float, end: float) -> None:
    for at, (frequency, width, share) in ((peak + S1_AFTER_R, S1), (peak + S2_AFTER_R * stretch, S2)):
        near = np.abs(t - at % end) < 3 * width
        after = t[near] - at % end
        signal[near] += share * np.exp(-((after / (width / 2)) ** 2)) * np.sin(2 * np.pi * frequency * after)


def _murmur(signal: NDArray[np.float64], noise: np.random.Generator, peak: float, following: float, murmur: Murmur,
            rate_hz: int) -> None:
    closed = peak + S2_AFTER_R * float(np.sqrt(following - peak))
    systole, diastole = (peak + S1_AFTER_R + 0.06, closed - 0.04), (closed + 0.06, following - 0.05)
    start, stop = systole if murmur == "systolic" else diastole
    first, last = round(start * rate_hz), min(len(signal), round(stop * rate_hz))
    if last - first > rate_hz // 50:
        band = _band(noise.normal(0, 1, last - first), 100, 400, rate_hz)
        signal[first:last] += MURMUR_SHARE * np.hanning(last - first) * band


def _band(noise: NDArray[np.float64], low: float, high: float, rate_hz: int) -> NDArray[np.float64]:
    """Noise of one band, RMS 1."""
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(noise), 1 / rate_hz)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    band = np.fft.irfft(spectrum, len(noise))
    return np.asarray(band / max(1e-9, float(np.sqrt(np.mean(band**2)))), np.float64)


def _counts(signal: NDArray[np.float64]) -> NDArray[np.int16]:
    return np.asarray(np.clip(np.round(signal * 32767), -32768, 32767), np.int16)


class StethoscopeBox:
    """Serves the sound on TCP to one client at a time; a new client takes the place of the old one.

    `open()`, then `run()` until cancelled. Key of sim.json: `stethoscope`, `tcp://HOST:PORT`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, rate_hz: int = 16_000,
                 what: Sound | None = None) -> None:
        self._host, self._port, self.rate_hz = host, port, rate_hz
        self.what = what or Sound()
        self._loop = sound(self.what, rate_hz).tobytes()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._came = asyncio.Event()
        self.sent = 0
        """Samples sent since the start."""

    @property
    def address(self) -> str:
        """For the gateway's configuration, known after `open`; it stays the same through unplug and plug."""
        return f"tcp://{self._host}:{self._port}"

    @property
    def plugged(self) -> bool:
        """Whether somebody can connect."""
        return self._listener is not None

    @property
    def listened(self) -> bool:
        """Whether somebody reads it now."""
        return self._client is not None

    def open(self) -> str:
        """Listen, in a running loop; returns the address. OSError when it is taken."""
        self._listener, self._port = listen(self._host, self._port, 4, self._accept)
        return self.address

    async def hear(self, **changes: object) -> Sound:
        """Another heart, murmur, place or tones, from the next block on; ValueError when a value does not fit."""
        try:
            what = replace(self.what, **changes)  # type: ignore[arg-type]
        except TypeError as error:
            raise ValueError(f"not a sound: {error}") from error
        self._loop = (await asyncio.to_thread(sound, what, self.rate_hz)).tobytes()
        self.what = what
        return what

    async def run(self) -> None:
        """Serve until cancelled."""
        if self._listener is None:
            self.open()
        try:
            while True:
                await self._came.wait()
                self._came.clear()
                while (client := self._client) is not None:
                    await self._play(client)
        finally:
            self.unplug()

    def unplug(self) -> None:
        """As if the cable was pulled: the client is cut off, new ones are refused."""
        self._hang_up()
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener.fileno())
            listener.close()

    def plug(self) -> None:
        """Accept again, on the same port."""
        if self._listener is None:
            self.open()

    def _accept(self) -> None:
        if self._listener is None:
            return
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            client.setblocking(False)
            self._hang_up()
            self._client = client
            self._came.set()

    async def _play(self, client: socket.socket) -> None:
        """In real time, until this client is gone."""
        size = 2 * round(self.rate_hz * BLOCK_SECONDS)
        began, blocks, at = time.monotonic(), 0, 0
        while client is self._client:
            now = time.monotonic()
            due = began + blocks * BLOCK_SECONDS
            if now - due > LATE_SECONDS:
                began = now - blocks * BLOCK_SECONDS
            elif due > now:
                await asyncio.sleep(due - now)
            data = self._loop
            block = (data + data[:size])[at:at + size] if at + size > len(data) else data[at:at + size]
            at = (at + size) % len(data)
            blocks += 1
            try:
                taken = client.send(block)
            except BlockingIOError:
                # A card whose reader sleeps loses sound as well.
                continue
            except OSError:
                taken = 0
            if taken < size:
                if client is self._client:
                    self._hang_up()
                return
            self.sent += size // 2

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

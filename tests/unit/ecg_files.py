"""Recordings for tests, written by libraries that are not ours, and a small EDF header written by hand."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pydicom
from pydicom.data import get_testdata_file


def mortara() -> bytes:
    """pydicom's own twelve-lead recording (waveform_ecg.dcm, made by a Mortara el250; test data of the library)."""
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    assert isinstance(path, str)
    with open(path, "rb") as file:
        return file.read()


def changed(change: Any, data: bytes | None = None) -> bytes:
    """The recording with something else in its data set."""
    dataset = pydicom.dcmread(io.BytesIO(data or mortara()))
    change(dataset)
    out = io.BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def small() -> bytes:
    """The recording cut to 40 samples, without annotations: small enough to be cut at each length."""
    def cut(dataset: Any) -> None:
        del dataset.WaveformAnnotationSequence
        del dataset.WaveformSequence[1]
        group = dataset.WaveformSequence[0]
        group.NumberOfWaveformSamples = 40
        group.WaveformData = group.WaveformData[:40 * 12 * 2]
        group.ChannelDefinitionSequence = group.ChannelDefinitionSequence[:12]
    return changed(cut)


def edf(labels: tuple[str, ...] = ("ECG I", "ECG II"), *, reserved: str = "EDF+C", records: int = 3,
        announced: int | None = None, onsets: tuple[str, ...] = ("+0", "+1", "+2"), rate: int = 4,
        unit: str = "uV", physical: tuple[str, str] = ("-3276.8", "3276.7"), seconds: str = "1",
        patient: str = "MCH-0234567 F 02-MAY-1951 Haagse_Harry",
        recording: str = "Startdate 02-MAR-2002 PSG-1234/2002 NN Telemetry03") -> bytes:
    """A file from the table of the EDF and EDF+ specifications, with the identification their text uses as example.

    Sample n of signal s in the whole file is 100 * s + n."""
    stamps = reserved.startswith("EDF+")
    names = (*labels, "EDF Annotations") if stamps else labels
    counts = [rate] * len(labels) + ([10] if stamps else [])

    def column(words: list[str], width: int) -> bytes:
        return b"".join(word.encode("latin-1").ljust(width)[:width] for word in words)

    size = 256 * (1 + len(names))
    head = b"".join((b"0".ljust(8), patient.encode("latin-1").ljust(80), recording.encode().ljust(80),
                     b"02.03.02", b"16.45.30", str(size).encode().ljust(8), reserved.encode().ljust(44),
                     str(records if announced is None else announced).encode().ljust(8), seconds.encode().ljust(8),
                     str(len(names)).encode().ljust(4)))
    ecg = len(labels)
    head += column(list(names), 16) + column([""] * len(names), 80)
    head += column([unit] * ecg + [""] * stamps, 8) + column([physical[0]] * ecg + ["-1"] * stamps, 8)
    head += column([physical[1]] * ecg + ["1"] * stamps, 8) + column(["-32768"] * len(names), 8)
    head += column(["32767"] * len(names), 8) + column(["HP:0.05Hz LP:150Hz"] * len(names), 80)
    head += column([str(count) for count in counts], 8) + column([""] * len(names), 32)
    body = b""
    for record in range(records):
        for signal in range(ecg):
            first = 100 * signal + record * rate
            body += np.arange(first, first + rate, dtype="<i2").tobytes()
        if stamps:
            body += (onsets[record].encode() + b"\x14\x14\x00").ljust(20, b"\x00")
    return head + body

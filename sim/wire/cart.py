"""A resting ECG cart: it records ten seconds of twelve leads and leaves a DICOM or EDF+ file in its folder.

DICOM: 12-lead ECG Waveform Storage (PS3.3 A.34.3), written by pydicom. EDF+: written from its specification
(Kemp and Olivan 2003). The file grows while it is written, as over a slow share.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from .leads import NAMES, RATE_HZ, TwelveLeads

SECONDS: Final = 10
MICROVOLTS: Final = "0.5"
STORAGE: Final = "1.2.840.10008.5.1.4.1.1.9.1.1"
SCPECG: Final = "5.6.3-9-"
"""Codes of the leads (CID 3001): I is 1, II 2, V1 to V6 3 to 8, III 61, aVR 62, aVL 63, aVF 64."""
_CODES: Final = dict(zip(NAMES, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


class Cart:
    """Writes into `folder`. `recorded` are the rows of each file, in its order."""

    def __init__(self, folder: Path, source: TwelveLeads) -> None:
        self.folder, self._source = folder, source
        # The cart's share is there before its first recording.
        folder.mkdir(parents=True, exist_ok=True)
        self.recorded: dict[str, list[tuple[int, ...]]] = {}

    async def record(self, *, taken: datetime, family: str, given: str, born: str, patient_id: str, form: str,
                     pause_s: float = 0.0) -> str:
        """Record, and leave the file; its name. `form` is `dicom` or `edf`; `pause_s`: how long the share takes."""
        rows = [self._source.row(n) for n in range(SECONDS * RATE_HZ)]
        write = {"dicom": dicom, "edf": edf}[form]
        data = await asyncio.to_thread(write, rows, taken, family, given, born, patient_id)
        name = f"{taken:%Y%m%d%H%M%S}-{len(self.recorded) + 1}.{'dcm' if form == 'dicom' else 'edf'}"
        half = len(data) // 2
        with (self.folder / name).open("wb") as file:
            file.write(data[:half])
            file.flush()
            await asyncio.sleep(pause_s)
            file.write(data[half:])
        self.recorded[name] = rows
        return name


def dicom(rows: Sequence[Sequence[int]], taken: datetime, family: str, given: str, born: str, patient_id: str) -> bytes:
    """The file's bytes."""
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(STORAGE)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SpecificCharacterSet = "ISO_IR 192"
    file.SOPClassUID, file.SOPInstanceUID = STORAGE, meta.MediaStorageSOPInstanceUID
    file.StudyInstanceUID, file.SeriesInstanceUID = generate_uid(), generate_uid()
    file.Modality, file.Manufacturer, file.ManufacturerModelName = "ECG", "SIM", "Chariot ECG simulé"
    file.PatientName, file.PatientID = f"{family}^{given}" if family else "", patient_id
    file.PatientBirthDate = born.replace("-", "")
    file.StudyDate = file.ContentDate = f"{taken:%Y%m%d}"
    file.StudyTime = file.ContentTime = f"{taken:%H%M%S}"
    file.AcquisitionDateTime = f"{taken:%Y%m%d%H%M%S.%f%z}"
    file.TimezoneOffsetFromUTC = f"{taken:%z}"
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = len(NAMES), len(rows)
    group.SamplingFrequency = RATE_HZ
    group.ChannelDefinitionSequence = Items([_channel(Dataset, Items, name) for name in NAMES])
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.WaveformData = b"".join(value.to_bytes(2, "little", signed=True) for row in rows for value in row)
    file.WaveformSequence = Items([group])
    out = io.BytesIO()
    file.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _channel(dataset: type, items: type, name: str):  # type: ignore[no-untyped-def]  # pydicom's own, loaded late
    channel = dataset()
    source = dataset()
    source.CodeValue, source.CodingSchemeDesignator = f"{SCPECG}{_CODES[name]}", "SCPECG"
    source.CodeMeaning = f"Lead {name}"
    unit = dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "uV", "UCUM", "microvolt"
    channel.ChannelSourceSequence, channel.ChannelSensitivityUnitsSequence = items([source]), items([unit])
    channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor = MICROVOLTS, "1"
    channel.ChannelBaseline, channel.ChannelSampleSkew, channel.WaveformBitsStored = "0", "0", 16
    return channel


def edf(rows: Sequence[Sequence[int]], taken: datetime, family: str, given: str, born: str, patient_id: str) -> bytes:
    """EDF+C with one second a data record and the annotation signal it must have."""
    months = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
    date = f"{taken.day:02d}-{months[taken.month - 1]}-{taken.year}"
    birth = f"{born[8:10]}-{months[int(born[5:7]) - 1]}-{born[:4]}" if born else "X"
    name = f"{family}_{given}".replace(" ", "_") if family else "X"
    records, signals = len(rows) // RATE_HZ, len(NAMES) + 1
    header = _text("0", 8) + _text(f"{patient_id or 'X'} X {birth} {name}", 80)
    header += _text(f"Startdate {date} X X SIM_Chariot", 80) + _text(f"{taken:%d.%m.%y}", 8)
    header += _text(f"{taken:%H.%M.%S}", 8) + _text(str(256 * (signals + 1)), 8) + _text("EDF+C", 44)
    header += _text(str(records), 8) + _text("1", 8) + _text(str(signals), 4)
    width = 20
    columns = [(16, [f"ECG {lead}" for lead in NAMES], "EDF Annotations"), (80, [""] * 12, ""),
               (8, ["uV"] * 12, ""), (8, ["-16384"] * 12, "-1"), (8, ["16383.5"] * 12, "1"),
               (8, ["-32768"] * 12, "-32768"),
               (8, ["32767"] * 12, "32767"), (80, [""] * 12, ""), (8, [str(RATE_HZ)] * 12, str(width)),
               (32, [""] * 12, "")]
    for size, leads, last in columns:
        header += b"".join(_text(value, size) for value in (*leads, last))
    body = b""
    for second in range(records):
        part = rows[second * RATE_HZ:(second + 1) * RATE_HZ]
        for lead in range(len(NAMES)):
            body += b"".join(row[lead].to_bytes(2, "little", signed=True) for row in part)
        body += f"+{second}\x14\x14\x00".encode().ljust(2 * width, b"\0")
    return header + body


def _text(value: str, size: int) -> bytes:
    return value.encode("ascii", "replace")[:size].ljust(size)


def now_minus(seconds: float) -> datetime:
    """A moment on the cart's clock, with its zone."""
    return datetime.now().astimezone() - timedelta(seconds=seconds)

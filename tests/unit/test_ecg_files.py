"""Recordings of carts: DICOM and EDF+ read back, cut at each length, hostile."""

import os
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.peripherals import recorded
from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.errors import DecodeError
from gateway.peripherals.profiles import dicom_ecg, ecg_file, ecg_leads, edf_ecg
from gateway.peripherals.profiles.ecg_recording import LOST, Recording
from protocol.readings import Chunk, InstrumentKind
from tests.unit.ecg_files import changed, edf, mortara, small

CONFIG = InstrumentConfig(5, "cart", InstrumentKind.ecg, "ECG", "ecg_folder", "/cart")
SMALL = small()
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def refused(data: bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        ecg_file.decode(data)
    return caught.value.code


def test_the_public_dicom_recording_is_read_count_for_count() -> None:
    """Leads by their SCP-ECG codes, 1.25 uV, 1000 Hz; the same microvolts as pydicom's own reader gives."""
    import pydicom
    from pydicom.data import get_testdata_file

    recording = ecg_file.decode(mortara())
    path = get_testdata_file("waveform_ecg.dcm", download=False)
    assert isinstance(path, str)
    theirs = pydicom.dcmread(path).waveform_array(0)
    assert np.array_equal(recording.samples * 1.25, theirs)
    assert recording.leads == ecg_leads.TWELVE
    assert (recording.rate_hz, set(recording.scales)) == (Decimal(1000), {Decimal("1.25")})
    assert recording.taken_at == datetime(2013, 1, 25, 10, 59, 19)
    assert (recording.patient_id, recording.patient_name, recording.birth_date) == ("642341", "Anonymous", "1971-01-23")
    assert (recording.maker, recording.model) == ("Mortara Instrument, Inc.", "el250")
    assert recording.filters == ("high_pass_hz=0.05", "low_pass_hz=300")
    assert {q.loinc: str(q.value) for q in recording.quantities} == {
        "8637-1": "982", "8625-6": "161", "8633-0": "75", "8634-8": "368", "8636-3": "370",
        "8626-4": "74", "8632-2": "52", "8638-9": "57"}


def test_a_dicom_file_cut_anywhere_is_refused() -> None:
    """At each length up to the last sample: a code, never fewer samples, never another exception."""
    whole = dicom_ecg.decode(SMALL)
    assert whole.samples.shape == (40, 12)
    samples = whole.samples.astype("<i2").tobytes()
    end = SMALL.index(samples) + len(samples)
    for size in range(len(SMALL)):
        if size < end:
            with pytest.raises(DecodeError):
                ecg_file.decode(SMALL[:size])
        with suppress(DecodeError):
            assert np.array_equal(ecg_file.decode(SMALL[:size]).samples, whole.samples)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_dicom_files_are_read_or_refused(data: st.DataObject) -> None:
    """Up to four bytes changed anywhere."""
    damaged = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(SMALL) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        assert isinstance(dicom_ecg.decode(bytes(damaged)), Recording)


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Also with the marks of a format before them."""
    for head in (b"", bytes(128) + b"DICM", b"0       "):
        with pytest.raises(DecodeError):
            ecg_file.decode(head + data)


@pytest.mark.parametrize(("word", "zone", "expected"), [
    ("20260301101530", None, datetime(2026, 3, 1, 10, 15, 30)),
    ("20260301101530.250+0200", None, datetime(2026, 3, 1, 10, 15, 30, 250_000, timezone(timedelta(hours=2)))),
    ("20260301101530", "-0330", datetime(2026, 3, 1, 10, 15, 30, 0, timezone(-timedelta(hours=3, minutes=30)))),
    ("20261301101530", None, None),
    ("", None, None),
])
def test_the_time_has_the_zone_the_file_names(word: str, zone: str | None, expected: datetime | None) -> None:
    """In the time itself, or for the whole file; a month that is none is no time."""
    def change(dataset: Any) -> None:
        dataset.AcquisitionDateTime = word
        for keyword in ("AcquisitionDate", "AcquisitionTime"):
            if keyword in dataset:
                delattr(dataset, keyword)
        if zone:
            dataset.TimezoneOffsetFromUTC = zone

    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = changed(change, SMALL)
    assert ecg_file.decode(data).taken_at == expected


def test_sensitivity_correction_baseline_and_padding_are_applied() -> None:
    """mV, a correction factor, a baseline in the unit of the sensitivity, and a value that means none."""
    def change(dataset: Any) -> None:
        group = dataset.WaveformSequence[0]
        group.add_new(0x5400100A, "OW", struct.pack("<h", -32768))
        channel = group.ChannelDefinitionSequence[0]
        channel.ChannelSensitivity = "0.0025"
        channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mV"
        channel.ChannelSensitivityCorrectionFactor = "2"
        channel.ChannelBaseline = "0.5"
        values = np.frombuffer(group.WaveformData, "<i2").copy()
        values[0], values[12], values[24] = 7, -32768, -3
        group.WaveformData = values.tobytes()

    recording = ecg_file.decode(changed(change, SMALL))
    assert recording.scales[:2] == (Decimal(5), Decimal("1.25"))
    assert recording.samples[:3, 0].tolist() == [107, LOST, 97]
    assert "gaps" in recording.flags


def test_columns_of_a_print_are_put_side_by_side() -> None:
    """Two groups, the second one 20 ms later, as a cart prints 3x4: what no group has is lost, not invented."""
    def change(dataset: Any) -> None:
        import copy

        second = copy.deepcopy(dataset.WaveformSequence[0])
        first = dataset.WaveformSequence[0]
        for group, leads in ((first, slice(0, 6)), (second, slice(6, 12))):
            values = np.frombuffer(group.WaveformData, "<i2").reshape(40, 12)[:, leads]
            group.WaveformData = values.tobytes()
            group.NumberOfWaveformChannels = 6
            group.ChannelDefinitionSequence = group.ChannelDefinitionSequence[leads]
        second.MultiplexGroupTimeOffset = "20"
        dataset.WaveformSequence.append(second)

    whole, split = dicom_ecg.decode(SMALL), dicom_ecg.decode(changed(change, SMALL))
    assert split.leads == whole.leads
    assert split.samples.shape == (60, 12)
    assert np.array_equal(split.samples[:40, :6], whole.samples[:, :6])
    assert np.array_equal(split.samples[20:, 6:], whole.samples[:, 6:])
    assert (split.samples[40:, :6] == LOST).all()
    assert (split.samples[:20, 6:] == LOST).all()
    assert split.flags == ("gaps",)


def _group(**values: Any) -> Any:
    def change(dataset: Any) -> None:
        for name, value in values.items():
            setattr(dataset.WaveformSequence[0], name, value)
    return change


def _dataset(**values: Any) -> Any:
    def change(dataset: Any) -> None:
        for name, value in values.items():
            setattr(dataset, name, value)
    return change


def _unscaled(dataset: Any) -> None:
    del dataset.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSensitivity


@pytest.mark.parametrize(("change", "code"), [
    (_dataset(SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.4"), "dicom.not_ecg"),
    (_group(WaveformSampleInterpretation="MB"), "dicom.encoding"),
    (_group(NumberOfWaveformSamples=41), "dicom.length"),
    (_group(NumberOfWaveformSamples=2**31), "ecg.too_long"),
    (_group(NumberOfWaveformChannels=11), "dicom.length"),
    (_group(SamplingFrequency="0"), "ecg.rate"),
    (_group(SamplingFrequency="1E9"), "ecg.rate"),
    (_group(WaveformOriginality="DERIVED"), "ecg.no_lead"),
    (_group(MultiplexGroupTimeOffset="0"), ""),
    (_unscaled, "ecg.scale"),
])
def test_what_a_dicom_file_may_not_say_has_its_code(change: Any, code: str) -> None:
    """Each refused for its own reason; a change that means nothing is read."""
    data = changed(change, SMALL)
    assert (refused(data) if code else ecg_file.decode(data).flags) == (code or ())


def test_nothing_of_a_file_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """pydicom quotes what it warns of; a name that is too long is a name in a log."""
    def change(dataset: Any) -> None:
        dataset.SpecificCharacterSet = "NONE"
        dataset.PatientID = "NAME-OF-A-PERSON" * 8
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = changed(change, SMALL)
    caplog.clear()
    assert ecg_file.decode(data).patient_id.startswith("NAME")
    assert not caplog.records


def test_a_compressed_data_set_is_refused_before_it_is_unpacked() -> None:
    """A kilobyte that becomes gigabytes."""
    def change(dataset: Any) -> None:
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    assert refused(changed(change, SMALL)) == "dicom.deflated"


def test_an_edf_file_is_read_as_its_specification_says() -> None:
    """Leads by their label, 0.1 uV, the four-digit year, the patient's four subfields, annotations left out."""
    recording = ecg_file.decode(edf())
    assert recording.leads == (131329, 131330)
    assert recording.samples.tolist() == [[n, 100 + n] for n in range(12)]
    assert (recording.rate_hz if recording else None) is not None
    assert set(recording.scales) == {Decimal("0.1")}
    assert recording.taken_at == datetime(2002, 3, 2, 16, 45, 30)
    assert (recording.patient_id, recording.patient_name, recording.birth_date) == (
        "MCH-0234567", "Haagse^Harry", "1951-05-02")
    assert recording.model == "Telemetry03"


@pytest.fixture(autouse=True)
def slow_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of these tests have four samples a second, so that they can be read by eye."""
    monkeypatch.setattr("gateway.peripherals.profiles.ecg_recording.RATES_HZ", (Decimal(1), Decimal(8000)))


def test_an_edf_file_cut_anywhere_is_refused() -> None:
    """At each length, and one byte too long."""
    whole = edf()
    for size in range(len(whole)):
        with pytest.raises(DecodeError):
            ecg_file.decode(whole[:size])
    assert refused(whole + b"\0") == "edf.length"


@given(st.data())
def test_damaged_edf_files_are_read_or_refused(data: st.DataObject) -> None:
    """Up to four bytes changed anywhere, most often in the header."""
    damaged = bytearray(edf())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        assert isinstance(ecg_file.decode(bytes(damaged)), Recording)


def test_a_discontinuous_edf_file_has_its_gaps() -> None:
    """EDF+D: records stand where their time says; what lies between them is lost."""
    recording = ecg_file.decode(edf(reserved="EDF+D", onsets=("+0.5", "+1.5", "+4.5")))
    lead = recording.samples[:, 0].tolist()
    assert lead == [*range(8), *(LOST,) * 8, *range(8, 12)]
    assert recording.taken_at == datetime(2002, 3, 2, 16, 45, 30, 500_000)
    assert recording.flags == ("gaps",)
    assert refused(edf(reserved="EDF+D", onsets=("+0", "+0.5", "+2"))) == "edf.order"
    assert refused(edf(reserved="EDF+D", onsets=("+0", "what", "+2"))) == "edf.order"
    assert refused(edf(reserved="EDF+D", onsets=("+0", "+1", "+80000"), rate=1000)) == "ecg.too_long"


def test_other_edf_files() -> None:
    """Plain EDF with free text, inverted polarity, a count of records that was never written, a cart's own labels."""
    plain = ecg_file.decode(edf(reserved="", patient="Durand Jeanne", announced=-1))
    assert (plain.patient_name, plain.patient_id, plain.samples.shape) == ("Durand^Jeanne", "", (12, 2))
    assert ecg_file.decode(edf(patient="X X X Durand-Weil,_Anne_Marie")).patient_name == "Durand-Weil^Anne Marie"
    assert ecg_file.decode(edf(patient="X X X Durand")).patient_name == "Durand"
    assert ecg_file.decode(edf(physical=("3.2767", "-3.2768"), unit="mV")).scales[0] == Decimal("-0.1")
    assert ecg_file.decode(edf(("EKG V1", "Lead aVR", "Resp"))).leads == (131331, 131390)
    assert ecg_file.decode(edf(("ECG", "ECG"))).flags == ("channels_left_out",)
    assert ecg_file.decode(edf(physical=("-3276.75", "3276.75"))).flags == ("baseline_rounded",)


@pytest.mark.parametrize(("file", "code"), [
    (edf(("Fp1", "Fp2")), "ecg.no_lead"), (edf(unit="mmHg"), "ecg.no_lead"), (edf(physical=("1", "1")), "ecg.scale"),
    (edf(seconds="0"), "edf.header"), (edf(announced=4), "edf.length"), (edf(physical=("a", "1")), "edf.header"),
    (b"\xffBIOSEMI" + edf()[8:], "ecg.unknown_format"), (b"%PDF-1.7", "ecg.unknown_format"),
    (b"", "ecg.unknown_format"),
])
def test_what_an_edf_file_may_not_say_has_its_code(file: bytes, code: str) -> None:
    """Each refused for its own reason."""
    assert refused(file) == code


def test_a_file_of_edflib_is_read_as_edflib_reads_it() -> None:
    """The generator file that pyedflib ships (EDFlib's own), two signals renamed to leads: the same microvolts."""
    pyedflib = pytest.importorskip("pyedflib")
    path = os.path.join(os.path.dirname(pyedflib.__file__), "data", "test_generator.edf")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[256:256 + 32] = b"ECG I".ljust(16) + b"ECG II".ljust(16)
    recording = edf_ecg.decode(bytes(data))
    with pyedflib.EdfReader(path) as reader:
        for column in (0, 1):
            theirs = reader.readSignal(column)
            ours = recording.samples[:, column] * float(recording.scales[column])
            assert np.allclose(ours, theirs, atol=float(recording.scales[column]))
    assert (recording.rate_hz, recording.patient_id, recording.birth_date) == (Decimal(200), "", "1969-06-30")


@pytest.mark.parametrize(("label", "code"), [
    ("I", 131329), ("aVR", 131390), ("AVF", 131392), ("ECG V1", 131331), ("EKG II", 131330), ("Lead III", 131389),
    ("Lead I (Einthoven)", 131329), ("MDC_ECG_LEAD_V6", 131336), ("ECG Lead V2", 131332),
    ("", None), ("Lead", None), ("V7", None), ("ECG V1 V2", None), ("Resp", None), ("()", None),
])
def test_leads_by_their_printed_name(label: str, code: int | None) -> None:
    """ISO/IEEE 11073-10101; what is no name of one of twelve leads is none."""
    assert ecg_leads.code_of(label) == code


def test_a_recording_becomes_a_reading_and_a_waveform() -> None:
    """Reading named by the file's hash, samples in chunks of a second, the cart's clock in its zone, hints apart."""
    zone = timezone(timedelta(hours=11))
    found = recorded.arrived(mortara(), CONFIG, NOW, zone)
    again = recorded.arrived(mortara(), CONFIG, NOW + timedelta(days=1), zone)
    reading, waveform = found.reading, found.described(9)
    assert reading.reading_id == again.reading.reading_id == waveform.reading_id
    assert reading.taken_at == datetime(2013, 1, 25, 10, 59, 19, tzinfo=zone)
    assert (reading.device_time, reading.kind.value, len(reading.recording)) == (
        "2013-01-25T10:59:19", "ecg_recording", 64)
    assert "zone_assumed" in reading.flags
    assert reading.context == ("high_pass_hz_0_05", "low_pass_hz_300")
    assert (found.patient_id, found.patient_name, found.birth_date) == ("642341", "Anonymous", "1971-01-23")
    chunks = list(found.chunks(9))
    assert [chunk.number for chunk in chunks] == list(range(10)) == list(range(found.chunk_count))
    assert sum((chunk.samples for chunk in chunks), ()) == tuple(found.samples.ravel().tolist())
    assert {(chunk.stream_id, chunk.leads) for chunk in chunks} == {(9, 12)}
    assert chunks[3].first_at == waveform.started_at.timestamp() + 3
    assert Chunk.from_bytes(bytes(chunks[0])) == chunks[0]
    assert msgspec.json.decode(msgspec.json.encode(reading), type=type(reading)) == reading
    assert msgspec.json.decode(msgspec.json.encode(waveform), type=type(waveform)) == waveform


def test_a_recording_from_the_future_has_no_time() -> None:
    """The cart's clock is wrong: what it says stays visible, what it means is not known."""
    reading = recorded.arrived(mortara(), CONFIG, datetime(2012, 1, 1, tzinfo=UTC), UTC).reading
    assert (reading.taken_at, reading.device_time) == (None, "2013-01-25T10:59:19")
    assert "time_unknown" in reading.flags

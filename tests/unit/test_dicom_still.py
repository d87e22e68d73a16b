"""A still as DICOM: what PS3.3 demands is there, what nobody knows is not invented, the JPEG is the camera's."""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import cv2
import numpy as np
import pydicom
import pytest
from msgspec.structs import replace
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from gateway.peripherals.pictures.dicom_still import NotExported, Optics, Study, instance
from protocol.readings import Device, InstrumentKind, Still, StillQuality
from protocol.values import Patient, Sex

TAKEN = datetime(2026, 3, 4, 10, 20, 30, 250000, tzinfo=UTC)
ENCOUNTER = uuid.UUID(int=77).hex

DERMOSCOPE = Optics(dermoscope=True, maker="Maker", model="Scope", serial="S1", software="1.0", polarized=True,
                    contact=True, immersion="ALCOHOL", magnification=Decimal(10))

COMMON_1 = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "Modality", "SeriesInstanceUID", "SamplesPerPixel",
            "PhotometricInterpretation", "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored",
            "HighBit", "PixelRepresentation", "PixelData", "SpecificCharacterSet")
COMMON_2 = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
            "ReferringPhysicianName", "StudyID", "SeriesNumber", "Manufacturer", "InstanceNumber",
            "PatientOrientation", "ContentDate", "ContentTime")
"""PS3.3, C.7.1.1, C.7.2.1, C.7.3.1, C.7.5.1, C.7.6.1, C.7.6.3, C.12.1: modules of usage M, their types 1 and 2."""

OF_CLASS = {
    "1.2.840.10008.5.1.4.1.1.77.1.4": (("ImageType", "AnatomicRegionSequence"),
                                       ("AcquisitionContextSequence", "LossyImageCompression")),
    "1.2.840.10008.5.1.4.1.1.77.1.7": (("ImageType", "AnatomicRegionSequence", "Manufacturer",
                                        "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions",
                                        "RecognizableVisualFeatures"),
                                       ("AcquisitionContextSequence", "LossyImageCompression",
                                        "LightSourcePolarization", "EmitterColorTemperature", "ContactMethod",
                                        "OpticalMagnificationFactor")),
    "1.2.840.10008.5.1.4.1.1.6.1": (("LossyImageCompression",), ("ImageType",)),
}
"""Beside them C.8.12.1 (VL Image), C.7.5.2, C.8.12.13 (Dermoscopic Image), C.8.5.6 (US Image), C.7.6.14."""


def picture(*, progressive: bool = False, grey: bool = False) -> bytes:
    shape = (96, 128) if grey else (96, 128, 3)
    pixels = cv2.resize(np.random.default_rng(2).integers(0, 255, shape, np.uint8), (1024, 768))
    ok, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])
    assert ok
    return data.tobytes()


JPEG = picture()


def still(kind: InstrumentKind = InstrumentKind.skin_camera, jpeg: bytes = JPEG) -> Still:
    return Still(still_id=uuid.UUID(int=5).hex, device=Device(device_id="skin", kind=kind), taken_at=TAKEN,
                 sha256=hashlib.sha256(jpeg).hexdigest(), size=len(jpeg), width=1024, height=768,
                 quality=StillQuality.sharp)


def study(**patient: object) -> Study:
    return Study(ENCOUNTER, Patient(**patient) if patient else Patient(anonymous=True), TAKEN)  # type: ignore[arg-type]


def read(file: bytes) -> Dataset:
    return pydicom.dcmread(io.BytesIO(file))


@pytest.mark.parametrize(("kind", "optics", "modality"), [
    (InstrumentKind.skin_camera, None, "XC"), (InstrumentKind.skin_camera, DERMOSCOPE, "DMS"),
    (InstrumentKind.otoscope, None, "XC"), (InstrumentKind.intraoral_camera, None, "XC"),
    (InstrumentKind.ultrasound, None, "US")])
def test_every_demanded_attribute_is_there(kind: InstrumentKind, optics: Optics | None, modality: str) -> None:
    """Types 1 with a value, types 2 at least empty, after a way through a file and back."""
    data = read(instance(still(kind), JPEG, study(), 1, optics))
    first, second = OF_CLASS[data.SOPClassUID]
    for keyword in (*COMMON_1, *first):
        assert data[keyword].value not in (None, "", []), keyword
    for keyword in (*COMMON_2, *second):
        assert keyword in data, keyword
    assert data.Modality == modality
    assert data.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.50"
    assert data.LossyImageCompression == "01"
    assert float(data.LossyImageCompressionRatio) == pytest.approx(1024 * 768 * 3 / len(JPEG), rel=1e-3)


def test_the_pixels_are_the_cameras_own_bytes() -> None:
    """Not decoded, not compressed again; padded to an even length as PS3.5 wants."""
    data = read(instance(still(), JPEG, study(), 1))
    (frame,) = generate_frames(data.PixelData, number_of_frames=1)
    assert frame.rstrip(b"\0") == JPEG.rstrip(b"\0")
    assert (data.Rows, data.Columns, data.PhotometricInterpretation) == (768, 1024, "YBR_FULL_422")


def test_a_qualified_identity_travels_with_its_authority_and_no_other_does() -> None:
    """The INS as another identifier with its OID; unqualified it stays at home."""
    person = {"family_name": "Lefèvre", "given_name": "Zoé", "birth_date": "1961-02-03", "sex": Sex.female,
              "ins": "261020512345678", "ins_oid": "1.2.250.1.213.1.4.8"}
    known = read(instance(still(), JPEG, study(**person, qualified=True), 1))
    assert (str(known.PatientName), known.PatientBirthDate, known.PatientSex) == ("Lefèvre^Zoé", "19610203", "F")
    assert known.PatientID == ""
    (other,) = known.OtherPatientIDsSequence
    (authority,) = other.IssuerOfPatientIDQualifiersSequence
    assert (other.PatientID, other.TypeOfPatientID) == ("261020512345678", "TEXT")
    assert (authority.UniversalEntityID, authority.UniversalEntityIDType) == ("1.2.250.1.213.1.4.8", "ISO")
    assert "OtherPatientIDsSequence" not in read(instance(still(), JPEG, study(**person, qualified=False), 1))


def test_an_anonymous_patient_stays_so() -> None:
    """Empty, not "unknown"."""
    data = read(instance(still(), JPEG, study(), 1))
    assert (str(data.PatientName), data.PatientBirthDate, data.PatientSex) == ("", "", "")


def test_what_is_not_known_is_left_out() -> None:
    """No scale, no spacing; no dermoscope, no light; no maker, an empty maker."""
    data = read(instance(still(), JPEG, study(), 1))
    for keyword in ("PixelSpacing", "LightSourcePolarization", "ContactMethod", "ManufacturerModelName",
                    "DeviceSerialNumber", "OpticalMagnificationFactor", "Laterality", "ImageComments"):
        assert keyword not in data, keyword
    assert data.Manufacturer == ""
    assert data.AnatomicRegionSequence[0].CodeValue == "39937001", "a skin camera sees skin"


def test_scale_place_and_optics_are_said_when_known() -> None:
    """Millimetres a pixel, the SNOMED concept with its DICOM meaning, how the dermoscope lit and touched."""
    seen = replace(still(), pixel_mm=Decimal("0.0125"), body_site="66643007")
    data = read(instance(seen, JPEG, study(), 3, DERMOSCOPE))
    region = data.AnatomicRegionSequence[0]
    assert [float(v) for v in data.PixelSpacing] == [0.0125, 0.0125]
    assert (region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning) == (
        "66643007", "SCT", "Skin of back")
    assert (data.LightSourcePolarization, data.ContactMethod, data.ImmersionMedia) == (
        "POLARIZED", "CONTACT", "ALCOHOL")
    assert (data.OpticalMagnificationFactor, data.EmitterColorTemperature, data.InstanceNumber) == (10.0, None, 3)
    assert data.RecognizableVisualFeatures == "NO"


@pytest.mark.parametrize("site", ["", "73897004", "33712006"])
def test_a_face_a_hand_and_an_unknown_place_may_be_recognised(site: str) -> None:
    """C.8.12.13: fingerprints count; where the place is unknown the careful answer is given."""
    data = read(instance(replace(still(), body_site=site), JPEG, study(), 1, DERMOSCOPE))
    assert data.RecognizableVisualFeatures == "YES"


def test_a_paired_place_says_that_its_side_is_not_known() -> None:
    """Type 2C: there, and empty."""
    data = read(instance(replace(still(), body_site="72696002"), JPEG, study(), 1))
    assert data["Laterality"].value in ("", None)


def test_an_ultrasound_has_a_burnt_in_name_and_no_spacing_of_ours() -> None:
    """The machine writes the patient on its screen; a paper marker has no business there."""
    data = read(instance(replace(still(InstrumentKind.ultrasound), pixel_mm=Decimal("0.1")), JPEG, study(), 1))
    assert data.BurnedInAnnotation == "YES"
    assert "PixelSpacing" not in data


def test_the_same_still_is_the_same_instance_each_time() -> None:
    """An archive that gets it twice keeps one; one encounter is one study, one camera one series."""
    first, again = (read(instance(still(), JPEG, study(), 1)) for _ in range(2))
    other = read(instance(replace(still(), still_id=uuid.UUID(int=6).hex), JPEG, study(), 2))
    assert first.SOPInstanceUID == again.SOPInstanceUID == "2.25.5"
    assert other.SOPInstanceUID != first.SOPInstanceUID
    assert (other.StudyInstanceUID, other.SeriesInstanceUID) == (first.StudyInstanceUID, first.SeriesInstanceUID)
    assert first.StudyInstanceUID == "2.25.77"


def test_a_simulated_picture_says_so() -> None:
    """Training material in an archive is marked."""
    made = still()
    data = read(instance(replace(made, device=replace(made.device, simulated=True)), JPEG, study(), 1))
    assert data.ImageComments == "SIMULATION"


def test_grey_and_progressive_pictures() -> None:
    """One component is MONOCHROME2; progressive is no baseline and is refused by its code."""
    grey = picture(grey=True)
    assert read(instance(still(jpeg=grey), grey, study(), 1)).PhotometricInterpretation == "MONOCHROME2"
    with pytest.raises(NotExported) as caught:
        instance(still(), picture(progressive=True), study(), 1)
    assert caught.value.code == "still.not_baseline"


def test_a_dermoscope_without_its_maker_is_refused() -> None:
    """Enhanced General Equipment wants maker, model, serial and software: none is made up."""
    with pytest.raises(ValueError, match="maker"):
        Optics(dermoscope=True, maker="Maker")
    with pytest.raises(ValueError, match="immersion"):
        Optics(immersion="HONEY")

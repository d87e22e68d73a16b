"""A still as a DICOM instance (PS3.3): dermoscopic photography, visible light photograph, or ultrasound image.

The camera's JPEG goes in as it is (PS3.5, 8.2.1). What is not known is left out, or empty where the standard
wants the attribute: nothing is assumed.
"""

from __future__ import annotations

import io
import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DermoscopicPhotographyImageStorage,
    JPEGBaseline8Bit,
    UltrasoundImageStorage,
    VLPhotographicImageStorage,
)

from protocol import body_sites
from protocol.readings import InstrumentKind, Still
from protocol.values import Patient, Sex

from ..errors import PeripheralError
from . import jpeg_file

_FACE: Final = frozenset({"73897004", "68698007", "362916000", "113179006", "36141000", "88089004", "23747009",
                          "1902009"})
_FINGERPRINTS: Final = frozenset({"33712006", "70887009", "244169007"})
"""A hand's skin shows fingerprints, which count as recognisable (PS3.3, C.8.12.13)."""

_PAIRED: Final = frozenset({"362916000", "36141000", "1902009", "22180002", "76261009", "39687006", "16982005",
                            "40983000", "127949000", "14975008", "8205005", "33712006", "70887009", "244169007",
                            "770809003", "68367000", "72696002", "30021000", "344001", "60496002", "52034004",
                            "770805009", "84301002", "42859004", "75573002", "76752008", "61685007"})

_WHOLE: Final = {InstrumentKind.skin_camera: ("39937001", "Skin"), InstrumentKind.otoscope: ("117590005", "Ear"),
                 InstrumentKind.intraoral_camera: ("123851003", "Mouth")}
"""What a camera sees at least, when nobody said where (VL Image Module: the anatomic region is wanted)."""

_INS: Final = ("1.2.250.1.213.1.4.8", "1.2.250.1.213.1.4.9", "1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.11")
"""The national identity's assigning authorities: NIR, NIA, and their test and demonstration ones."""


class NotExported(PeripheralError):
    """The still can't become a DICOM instance; `code` says why."""


@dataclass(frozen=True, slots=True)
class Optics:
    """What the person who fitted the camera knows of it; None or empty where nobody does. With `dermoscope` its stills
    are dermoscopic photographs, which want a maker, model, serial number and software version."""

    dermoscope: bool = False
    maker: str = ""
    model: str = ""
    serial: str = ""
    software: str = ""
    polarized: bool | None = None
    colour_temperature_k: int | None = None
    contact: bool | None = None
    immersion: str = ""
    """ULTRASOUND_GEL, ALCOHOL, WATER, MINERAL_OIL or PLASTIC_CAP."""
    magnification: Decimal | None = None

    def __post_init__(self) -> None:
        if self.immersion not in ("", "ULTRASOUND_GEL", "ALCOHOL", "WATER", "MINERAL_OIL", "PLASTIC_CAP"):
            raise ValueError(f"immersion {self.immersion!r} is none of DICOM's")
        if self.colour_temperature_k is not None and not 1000 <= self.colour_temperature_k <= 20_000:
            raise ValueError(f"colour_temperature_k {self.colour_temperature_k} is not between 1000 and 20000")
        if self.magnification is not None and not Decimal("0.1") <= self.magnification <= 1000:
            raise ValueError(f"magnification {self.magnification} is not between 0.1 and 1000")
        if self.dermoscope and not (self.maker and self.model and self.serial and self.software):
            raise ValueError("a dermoscope wants maker, model, serial and software (PS3.3, C.7.5.2)")


@dataclass(frozen=True, slots=True)
class Study:
    """The encounter the stills belong to."""

    encounter_id: str
    patient: Patient
    opened_at: datetime
    institution: str = ""


def instance(still: Still, jpeg: bytes, study: Study, number: int, optics: Optics | None = None) -> bytes:
    """A whole DICOM file. The same still gives the same identifiers each time. `number` from 1 within its series.

    NotExported `still.not_baseline` when the JPEG is progressive, DecodeError `still.not_jpeg`.
    """
    facts = jpeg_file.facts(jpeg)
    if not facts.baseline:
        raise NotExported("still.not_baseline", still.still_id)
    optics = optics or Optics()
    sop_class = _sop_class(still.device.kind, optics)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = uid(still.still_id)
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    meta.ImplementationClassUID = uid("passerelle.implementation")
    meta.ImplementationVersionName = "PASSERELLE"
    data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    _patient(data, study.patient)
    _study_and_series(data, still, study, sop_class)
    _equipment(data, still, optics, study)
    _image(data, still, number, facts)
    _anatomy(data, still)
    if sop_class == DermoscopicPhotographyImageStorage:
        _dermoscopy(data, still, optics)
    _pixels(data, jpeg, facts)
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()


def uid(name: str) -> UID:
    """A UID from a UUID (PS3.5, B.2): ours are UUIDs already, other names become one."""
    try:
        number = uuid.UUID(hex=name)
    except ValueError:
        number = uuid.uuid5(uuid.NAMESPACE_OID, f"passerelle:{name}")
    return UID(f"2.25.{number.int}")


def _sop_class(kind: InstrumentKind, optics: Optics) -> UID:
    if kind is InstrumentKind.ultrasound:
        return UltrasoundImageStorage
    if kind is InstrumentKind.skin_camera and optics.dermoscope:
        return DermoscopicPhotographyImageStorage
    return VLPhotographicImageStorage


def _patient(data: Dataset, patient: Patient) -> None:
    names = [part.replace("^", " ").replace("=", " ").replace("\\", " ") for part in (
        patient.family_name, patient.given_name)]
    data.PatientName = "^".join(names) if any(names) else ""
    # The identifier of a hospital's own file: the bus has none.
    data.PatientID = ""
    data.PatientBirthDate = patient.birth_date.replace("-", "")
    data.PatientSex = {Sex.male: "M", Sex.female: "F"}.get(patient.sex, "")
    if patient.qualified and patient.ins and patient.ins_oid in _INS:
        other = Dataset()
        other.PatientID = patient.ins
        other.TypeOfPatientID = "TEXT"
        authority = Dataset()
        authority.UniversalEntityID, authority.UniversalEntityIDType = patient.ins_oid, "ISO"
        other.IssuerOfPatientIDQualifiersSequence = Sequence([authority])
        data.OtherPatientIDsSequence = Sequence([other])


def _study_and_series(data: Dataset, still: Still, study: Study, sop_class: UID) -> None:
    data.StudyInstanceUID = uid(study.encounter_id)
    data.StudyDate, data.StudyTime = _date_time(study.opened_at)
    data.StudyID = data.AccessionNumber = data.ReferringPhysicianName = ""
    data.SeriesInstanceUID = uid(f"{study.encounter_id}:{still.device.device_id}")
    data.SeriesNumber = None
    data.Modality = {UltrasoundImageStorage: "US", DermoscopicPhotographyImageStorage: "DMS"}.get(sop_class, "XC")
    if still.body_site in _PAIRED:
        # Paired, and nobody said which side: wanted, and empty.
        data.Laterality = ""


def _equipment(data: Dataset, still: Still, optics: Optics, study: Study) -> None:
    data.Manufacturer = optics.maker or still.device.maker
    # Without a maker the model is the name somebody gave the instrument in the configuration.
    model = still.device.model if still.device.maker else ""
    for name, value in (("ManufacturerModelName", optics.model or model),
                        ("DeviceSerialNumber", optics.serial or still.device.serial),
                        ("SoftwareVersions", optics.software or still.device.firmware),
                        ("InstitutionName", study.institution)):
        if value:
            setattr(data, name, value)


def _image(data: Dataset, still: Still, number: int, facts: jpeg_file.JpegFacts) -> None:
    data.ImageType = ["ORIGINAL", "PRIMARY"]
    data.InstanceNumber = number
    data.PatientOrientation = ""
    data.ContentDate, data.ContentTime = _date_time(still.taken_at)
    data.AcquisitionDateTime = still.taken_at.strftime("%Y%m%d%H%M%S.%f%z")
    data.TimezoneOffsetFromUTC = still.taken_at.strftime("%z")
    data.LossyImageCompression = "01"
    data.LossyImageCompressionRatio = f"{facts.width * facts.height * facts.components / still.size:.4g}"
    data.LossyImageCompressionMethod = "ISO_10918_1"
    ultrasound = still.device.kind is InstrumentKind.ultrasound
    if not ultrasound:
        data.AcquisitionContextSequence = Sequence([])
    # The screen of an ultrasound machine shows the name that was typed there.
    data.BurnedInAnnotation = "YES" if ultrasound else "NO"
    if still.pixel_mm is not None and not ultrasound:
        data.PixelSpacing = [str(still.pixel_mm)] * 2
    if still.device.simulated:
        data.ImageComments = "SIMULATION"


def _anatomy(data: Dataset, still: Still) -> None:
    meaning = body_sites.meaning(still.body_site)
    code, meaning = (still.body_site, meaning) if meaning else _WHOLE.get(still.device.kind, ("", ""))
    if code:
        data.AnatomicRegionSequence = Sequence([_coded(code, meaning)])


def _dermoscopy(data: Dataset, still: Still, optics: Optics) -> None:
    known = still.body_site and still.body_site not in _FACE | _FINGERPRINTS
    # Where the place is not known, the patient may be recognised: the careful answer.
    data.RecognizableVisualFeatures = "NO" if known else "YES"
    data.LightSourcePolarization = {True: "POLARIZED", False: "NON_POLARIZED", None: ""}[optics.polarized]
    data.EmitterColorTemperature = optics.colour_temperature_k
    data.ContactMethod = {True: "CONTACT", False: "NON_CONTACT", None: ""}[optics.contact]
    if optics.contact:
        data.ImmersionMedia = optics.immersion
    data.OpticalMagnificationFactor = None if optics.magnification is None else float(optics.magnification)


def _pixels(data: Dataset, jpeg: bytes, facts: jpeg_file.JpegFacts) -> None:
    data.SamplesPerPixel = facts.components
    if facts.components == 1:
        data.PhotometricInterpretation = "MONOCHROME2"
    elif facts.plain_rgb:
        data.PhotometricInterpretation = "RGB"
    else:
        data.PhotometricInterpretation = "YBR_FULL" if facts.full_colour else "YBR_FULL_422"
    if facts.components > 1:
        data.PlanarConfiguration = 0
    data.Rows, data.Columns = facts.height, facts.width
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = encapsulate([jpeg])
    data["PixelData"].is_undefined_length = True


def _coded(code: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
    return item


def _date_time(at: datetime) -> tuple[Any, Any]:
    return at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")

"""What radio instruments are like to live with: by model, the order of the steps of a visit, its pauses, its clock.

Facts only, no code: a driver reads them. A maker's deviation from a profile's bytes stands with the profile; here
stands what happens before and after the bytes. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from protocol.readings import InstrumentKind

Uuid = int | str
"""A 16-bit assigned number, or a vendor's 128-bit UUID in lower case."""

BATTERY, CURRENT_TIME, DATE_TIME, RACP = 0x2A19, 0x2A2B, 0x2A08, 0x2A52
BLOOD_PRESSURE, CUFF_PRESSURE, BLOOD_PRESSURE_FEATURE = 0x2A35, 0x2A36, 0x2A49
TEMPERATURE, INTERMEDIATE_TEMPERATURE = 0x2A1C, 0x2A1E
SPOT_CHECK, CONTINUOUS, OXIMETER_FEATURE = 0x2A5E, 0x2A5F, 0x2A60
GLUCOSE, GLUCOSE_CONTEXT, GLUCOSE_FEATURE = 0x2A18, 0x2A34, 0x2A51
WEIGHT, WEIGHT_FEATURE, BODY_COMPOSITION, BODY_COMPOSITION_FEATURE = 0x2A9D, 0x2A9E, 0x2A9C, 0x2A9B
HEART_RATE = 0x2A37

ENHANCED_BLOOD_PRESSURE, ENHANCED_CUFF_PRESSURE = 0x2B34, 0x2B35

SAME_AS: Final[dict[Uuid, Uuid]] = {ENHANCED_BLOOD_PRESSURE: BLOOD_PRESSURE, ENHANCED_CUFF_PRESSURE: CUFF_PRESSURE}
"""What is subscribed to only where the other is not: the same record would come twice (BLS 1.1.1, 3.4)."""

NONIN_SERVICE, NONIN_DATA = "46a970e0-0d5f-11e2-8b5e-0002a5d5c51b", "0aad7ea0-0d60-11e2-8e3c-0002a5d5c51b"
POLAR_PMD = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
VIATOM_ER1 = "14839ac4-7d7e-415c-9a42-167340cf2339"
OMRON_UNLOCK = "b305b680-aee7-11e1-a730-0002a5d5c51b"
OMRON_EEPROM = "ecbe3980-c9a2-11e1-b1bd-0002a5d5c51b"

OMRON_OPTION, OLDER_OMRON = 0xFE4A, "omron-eeprom"
"""Omron's own service, beside the standard one on newer cuffs and alone on older ones."""

AND_COMPANY, OMRON_COMPANY, BEURER_COMPANY, POLAR_COMPANY = 0x0069, 0x020E, 0x0611, 0x006B
"""Bluetooth SIG company identifiers in manufacturer data."""


class Step(enum.Enum):
    """One thing a visit does; the order is the model's."""

    bond = "bond"
    identify = "identify"
    read_clock = "read_clock"
    set_clock = "set_clock"
    feature = "feature"
    subscribe = "subscribe"
    battery = "battery"
    ask = "ask"
    """Write to the Record Access Control Point."""


class ClockRule(enum.Enum):
    """When an instrument's clock is set."""

    always = "always"
    on_notice = "on_notice"
    """Only when it notified its own time (2A2B) and that is wrong by more than `Manners.clock_slack`."""
    never = "never"


@dataclass(frozen=True, slots=True)
class Manners:
    """How to live with one model.

    Recognised by the beginning of its advertised `names`, by an advertised `services` entry, by `companies` (with one
    of `kinds_of_service` when that maker sells more than one kind). `dis_models`: what Device Information calls it,
    which may refine what was recognised from the air.

    `records` are indicated or notified results, `live` what it shows while measuring, `feature` what its status bits
    mean. `settle_s`: it needs this long after connecting before it answers. `quiet_s`: nothing heard for this long
    and it has said everything. `keeps`: what was delivered stays in its memory and comes again, so that a record
    without a stamp is told from its like by its place. `measures_connected`: it is switched on first and measures
    while connected, so silence is a person at work. `continuous`: values once a second; a result is a plateau.
    `waveform` names the protocol of its samples, `vendor` that of a maker's own frames
    (`meaning.VENDOR`). `ignored`: ATT application errors that mean success.
    `bonds`: it gives nothing over a link that is not encrypted.
    """

    key: str
    kind: InstrumentKind
    title: str
    records: tuple[Uuid, ...]
    live: tuple[Uuid, ...] = ()
    feature: int | None = None
    names: tuple[str, ...] = ()
    services: tuple[Uuid, ...] = ()
    companies: tuple[int, ...] = ()
    dis_models: tuple[str, ...] = ()
    order: tuple[Step, ...] = (Step.identify, Step.read_clock, Step.feature, Step.subscribe, Step.set_clock,
                               Step.battery, Step.ask)
    settle_s: float = 0.0
    quiet_s: float = 4.0
    clock: ClockRule = ClockRule.always
    clock_slack: timedelta = timedelta(0)
    racp: bool = False
    keeps: bool = False
    measures_connected: bool = False
    continuous: bool = False
    waveform: str = ""
    vendor: str = ""
    ignored: frozenset[int] = frozenset({0x80})
    bonds: bool = False


SWITCHED_ON_QUIET_S: Final = 60.0
"""A thermometer or a scale is switched on, connects, and only then measures: under the arm it takes up to a minute."""

STREAM_QUIET_S: Final = 10.0
"""Oximeters and belts speak once a second; ten missing ones are a link that died without saying so."""

_BOND_FIRST = (Step.bond, Step.identify, Step.read_clock, Step.set_clock, Step.feature, Step.subscribe, Step.battery)
_TIME_NOTIFIED = (Step.identify, Step.bond, Step.read_clock, Step.feature, Step.subscribe, Step.set_clock, Step.battery)
_KIND = InstrumentKind

MODELS: Final[tuple[Manners, ...]] = (
    # Advertises in pairing mode and for a minute after a measurement, sends oldest first, hangs up by itself.
    Manners("ua651ble", _KIND.blood_pressure, "A&D UA-651BLE", (BLOOD_PRESSURE,), (CUFF_PRESSURE,),
            BLOOD_PRESSURE_FEATURE, names=("A&D_UA-651BLE", "A&D_UA-767"), dis_models=("UA-651BLE", "UA-767"),
            bonds=True),
    # BLEsmart_ in pairing mode, BLESmart_ to transfer. Its clock is only written when it told a wrong one; it
    # answers 0x80 to a time it already has.
    Manners("omron", _KIND.blood_pressure, "Omron", (BLOOD_PRESSURE,), (), BLOOD_PRESSURE_FEATURE,
            names=("BLEsmart_", "BLESmart_"), companies=(OMRON_COMPANY,), order=_TIME_NOTIFIED,
            clock=ClockRule.on_notice, clock_slack=timedelta(minutes=10), bonds=True),
    # No standard service: its memory is read with the key of the pairing, and its clock is left alone.
    Manners(OLDER_OMRON, _KIND.blood_pressure, "Omron HEM", (), (), services=(OMRON_OPTION, OMRON_EEPROM),
            order=(Step.identify, Step.bond, Step.battery), clock=ClockRule.never, keeps=True, vendor=OLDER_OMRON,
            bonds=True),
    # These keep what they delivered and send it again each time; BM85 and SBM69 show six digits to be typed.
    Manners("beurer-memory", _KIND.blood_pressure, "Beurer BM", (BLOOD_PRESSURE,), (CUFF_PRESSURE,),
            BLOOD_PRESSURE_FEATURE, names=("BM59", "BM85", "SBM69"), dis_models=("BM59", "BM85", "SBM69"),
            order=_BOND_FIRST, settle_s=0.1, keeps=True, bonds=True),
    Manners("beurer", _KIND.blood_pressure, "Beurer BM", (BLOOD_PRESSURE,), (CUFF_PRESSURE,), BLOOD_PRESSURE_FEATURE,
            names=("Beurer BM", "SBM", "ELITE900", *(f"BM{digit}" for digit in range(2, 10))),
            companies=(BEURER_COMPANY,), dis_models=("BM", "SBM", "ELITE900"), order=_BOND_FIRST, settle_s=0.1,
            bonds=True),
    Manners("nonin-3230", _KIND.oximeter, "Nonin 3230", (), (NONIN_DATA,), names=("Nonin3230", "Nonin_3230"),
            services=(NONIN_SERVICE,), quiet_s=STREAM_QUIET_S, clock=ClockRule.never, continuous=True,
            vendor="nonin-3230"),
    Manners("polar-h10", _KIND.ecg, "Polar H10", (), (HEART_RATE,), names=("Polar H10",), services=(POLAR_PMD,),
            dis_models=("H10",), quiet_s=STREAM_QUIET_S, clock=ClockRule.never, continuous=True,
            waveform="polar-pmd"),
    Manners("viatom-er1", _KIND.ecg, "Viatom ER1", (), (), names=("ER1", "ER1-", "VisualBeat", "DuoEK"),
            services=(VIATOM_ER1,), quiet_s=STREAM_QUIET_S, clock=ClockRule.never, waveform="viatom-er1"),
    # What speaks a profile of the Bluetooth SIG and has no entry above.
    Manners("blood-pressure", _KIND.blood_pressure, "", (BLOOD_PRESSURE, ENHANCED_BLOOD_PRESSURE),
            (CUFF_PRESSURE, ENHANCED_CUFF_PRESSURE), BLOOD_PRESSURE_FEATURE, services=(0x1810,)),
    Manners("thermometer", _KIND.thermometer, "", (TEMPERATURE,), (INTERMEDIATE_TEMPERATURE,), services=(0x1809,),
            quiet_s=SWITCHED_ON_QUIET_S, measures_connected=True),
    Manners("glucose", _KIND.glucose_meter, "", (GLUCOSE, GLUCOSE_CONTEXT), (), GLUCOSE_FEATURE, services=(0x1808,),
            racp=True, keeps=True),
    Manners("oximeter", _KIND.oximeter, "", (SPOT_CHECK,), (CONTINUOUS,), OXIMETER_FEATURE, services=(0x1822,),
            quiet_s=STREAM_QUIET_S, racp=True, keeps=True, continuous=True, measures_connected=True),
    Manners("body-composition", _KIND.scale, "", (BODY_COMPOSITION, WEIGHT), (), BODY_COMPOSITION_FEATURE,
            services=(0x181B,), quiet_s=SWITCHED_ON_QUIET_S, measures_connected=True),
    Manners("scale", _KIND.scale, "", (WEIGHT, BODY_COMPOSITION), (), WEIGHT_FEATURE, services=(0x181D,),
            quiet_s=SWITCHED_ON_QUIET_S, measures_connected=True),
    Manners("heart-rate", _KIND.heart_rate_belt, "", (), (HEART_RATE,), services=(0x180D,), quiet_s=STREAM_QUIET_S,
            clock=ClockRule.never, continuous=True),
)

BY_KEY: Final = {manners.key: manners for manners in MODELS}

GENERIC: Final = {manners.kind: manners for manners in reversed(MODELS) if not manners.title}
"""By kind: what an instrument is taken for that does not say what it is."""


def recognise(name: str, offers: Callable[[Uuid], bool], companies: Iterable[int] = ()) -> Manners | None:
    """The manners of what advertises itself so; None when no driver of ours knows it. `offers` says whether a
    service is in the advertisement, `companies` whose manufacturer data is.

    A name is the surest sign, then a vendor's service, then the maker together with a profile of its kind, then the
    profile alone.
    """
    for manners in MODELS:
        if any(name.startswith(known) for known in manners.names) and _may_be(manners, offers):
            return manners
    for manners in MODELS:
        if manners.title and any(offers(service) for service in manners.services) and not (
                manners.key == OLDER_OMRON and _speaks(manners.kind, offers)):
            return manners
    for company in companies:
        for manners in MODELS:
            if company in manners.companies and _speaks(manners.kind, offers):
                return manners
    for manners in MODELS:
        if not manners.title and any(offers(service) for service in manners.services):
            return manners
    return None


def found_out(manners: Manners, has: Callable[[Uuid], bool]) -> Manners:
    """An Omron says which of its two kinds it is by what it offers once connected, not always before."""
    if manners.key == OLDER_OMRON and has(BLOOD_PRESSURE):
        return BY_KEY["omron"]
    if manners.key == "omron" and has(OMRON_UNLOCK) and not has(BLOOD_PRESSURE):
        return BY_KEY[OLDER_OMRON]
    return manners


def refine(manners: Manners, dis_model: str) -> Manners:
    """The manners of the model that Device Information names, where it is of the same kind; else those given."""
    for candidate in MODELS:
        if candidate.kind is manners.kind and any(dis_model.startswith(known) for known in candidate.dis_models):
            return candidate
    return manners


def _speaks(kind: InstrumentKind, offers: Callable[[Uuid], bool]) -> bool:
    """Whether a profile of this kind is in the advertisement."""
    return any(offers(service) for manners in MODELS if not manners.title and manners.kind is kind
               for service in manners.services)


def _may_be(manners: Manners, offers: Callable[[Uuid], bool]) -> bool:
    """A maker of many things gives them one name: what offers the profile of another kind is another thing."""
    return (not manners.companies or _speaks(manners.kind, offers)
            or not (offers(OMRON_OPTION) or any(_speaks(kind, offers) for kind in GENERIC)))

"""LOINC and ISO/IEEE 11073-10101 codes (32 bits: partition 2 times 65536 plus term) of what we measure.

An empty LOINC code: none was found that says the same.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """Name of a quantity. `unit` (UCUM) is empty when the device chooses it; `also`: further LOINC codes that a FHIR
    receiver expects beside the first."""

    loinc: str
    mdc: int
    unit: str = ""
    also: tuple[str, ...] = ()


SYSTOLIC = Measure("8480-6", 150021)
DIASTOLIC = Measure("8462-4", 150022)
MEAN = Measure("8478-0", 150023)
CUFF_PRESSURE = Measure("", 150300)
CUFF_PULSE = Measure("8867-4", 149546, "/min")

HEART_RATE = Measure("8867-4", 147842, "/min")
RR_INTERVAL = Measure("", 147240, "ms")

SATURATION = Measure("2708-6", 150456, "%", also=("59408-5",))
SATURATION_FAST = Measure("", 150580, "%")
SATURATION_SLOW = Measure("", 150584, "%")
OXIMETER_PULSE = Measure("8867-4", 149530, "/min")
PULSE_AMPLITUDE = Measure("", 150448, "%")

TEMPERATURE = Measure("8310-5", 150364)
TEMPERATURE_AT = {
    "armpit": 188452, "body": 150364, "ear": 188428, "finger": 188432, "gastrointestinal": 188456, "mouth": 188424,
    "rectum": 188420, "toe": 188448, "tympanum": 150392}
"""MDC code by the site of `profiles.thermometer.SITES`; the LOINC code is that of the body temperature."""

GLUCOSE_MASS, GLUCOSE_MOLAR = "2339-0", "15074-8"
"""LOINC: glucose in blood, mg/dL and mmol/L. The sample is told by the MDC code and the context."""

GLUCOSE_IN = {
    "capillary_whole_blood": 160184, "capillary_plasma": 160188, "venous_whole_blood": 160192, "venous_plasma": 160196,
    "arterial_whole_blood": 160200, "arterial_plasma": 160204, "control_solution": 160208, "interstitial_fluid": 160212,
    "undetermined_whole_blood": 160364, "undetermined_plasma": 160368}
GLUCOSE_ANY = 160020
HBA1C = Measure("4548-4", 160220, "%")

WEIGHT = Measure("29463-7", 188736)
HEIGHT = Measure("8302-2", 188740)
BODY_MASS_INDEX = Measure("39156-5", 188752, "kg/m2")
BODY_FAT = Measure("41982-0", 188748, "%")
FAT_FREE_MASS = Measure("", 188756)
SOFT_LEAN_MASS = Measure("", 188760)
BODY_WATER_MASS = Measure("", 188764)
BASAL_METABOLISM = Measure("", 188768, "kJ")
MUSCLE_PERCENTAGE = Measure("", 188772, "%")
MUSCLE_MASS = Measure("73964-9", 188776)
BATTERY = Measure("", 67996, "%")
"""MDC_ATTR_VAL_BATT_CHARGE: of the instrument, for the person who reads a log."""

IMPEDANCE = Measure("", 188780, "Ohm")

ALSO = {measure.loinc: measure.also for measure in (SATURATION,)}
"""Further LOINC codes by the first."""

ECG_UNIT = "uV"

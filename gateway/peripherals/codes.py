"""LOINC and ISO/IEEE 11073-10101 codes (32 bits: partition 2 times 65536 plus term) of what we measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """Name of a quantity. `unit` (UCUM) is empty when the device chooses it."""

    loinc: str
    mdc: int
    unit: str = ""


SYSTOLIC = Measure("8480-6", 150021)
DIASTOLIC = Measure("8462-4", 150022)
MEAN = Measure("8478-0", 150023)
CUFF_PRESSURE = Measure("", 150300)
CUFF_PULSE = Measure("8867-4", 149546, "/min")

ECG_UNIT = "uV"

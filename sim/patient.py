"""The simulated person: one heart, one blood pressure; every instrument on this person agrees."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

RESTING_SYSTOLIC: Final = 138
RESTING_DIASTOLIC: Final = 86
RESTING_HEART_RATE: Final = 74


@dataclass(frozen=True, slots=True)
class Pressure:
    """One cuff measurement, mmHg and beats a minute."""

    systolic: int
    diastolic: int
    pulse: int

    @property
    def mean(self) -> int:
        """Mean arterial pressure as cuffs estimate it: a third of the way up."""
        return round(self.diastolic + (self.systolic - self.diastolic) / 3)


@dataclass(frozen=True, slots=True)
class Body:
    """What a scale with electrodes finds: kg, m, shares in percent, ohm, kJ."""

    weight: Decimal
    height: Decimal
    fat: Decimal
    muscle: Decimal
    water_mass: Decimal
    impedance: Decimal
    basal_kilojoules: int


@dataclass
class Patient:
    """A patient whose numbers vary a little between measurements, as they do."""

    systolic: int = RESTING_SYSTOLIC
    diastolic: int = RESTING_DIASTOLIC
    heart_rate: int = RESTING_HEART_RATE
    celsius: Decimal = Decimal("37.4")
    spo2: int = 96
    perfusion: Decimal = Decimal("4.2")
    """Pulse amplitude index, percent."""
    glucose_mg_dl: int = 118
    weight: Decimal = Decimal("72.40")
    height: Decimal = Decimal("1.68")
    chance: random.Random = field(default_factory=lambda: random.Random(20))

    def shown(self) -> dict[str, int | str]:
        """As this person is, before chance."""
        return {"systolic": self.systolic, "diastolic": self.diastolic, "heart_rate": self.heart_rate,
                "celsius": str(self.celsius), "spo2": self.spo2, "glucose_mg_dl": self.glucose_mg_dl,
                "weight": str(self.weight)}

    def pressure(self, systolic: int | None = None, diastolic: int | None = None,
                 pulse: int | None = None) -> Pressure:
        """What the cuff will find; a given number is taken as it is."""
        return Pressure(
            self.systolic + round(self.chance.gauss(0, 3)) if systolic is None else systolic,
            self.diastolic + round(self.chance.gauss(0, 2)) if diastolic is None else diastolic,
            self.heart_rate + round(self.chance.gauss(0, 1)) if pulse is None else pulse,
        )

    def temperature(self) -> Decimal:
        """In the ear, degrees Celsius to the tenth."""
        return round(self.celsius + Decimal(str(round(self.chance.gauss(0, 0.08), 1))), 1)

    def saturation(self) -> int:
        """Percent of haemoglobin that carries oxygen."""
        return max(70, min(100, self.spo2 + round(self.chance.gauss(0, 0.5))))

    def pulse(self) -> int:
        """Beats a minute, now."""
        return max(30, self.heart_rate + round(self.chance.gauss(0, 1)))

    def glucose(self) -> int:
        """Capillary plasma, mg/dL."""
        return max(20, self.glucose_mg_dl + round(self.chance.gauss(0, 4)))

    def body(self) -> Body:
        """On the scale, to its 50 g."""
        swayed = self.weight + Decimal(str(round(self.chance.gauss(0, 0.05), 2)))
        return self.weighed(round(swayed * 20) / Decimal(20))

    def weighed(self, weight: Decimal) -> Body:
        """The same body with exactly this weight."""
        fat = Decimal("27.3")
        return Body(weight=weight, height=self.height, fat=fat, muscle=Decimal("34.1"),
                    water_mass=round(weight * (100 - fat) / 100 * Decimal("0.73"), 2),
                    impedance=Decimal("512.6"), basal_kilojoules=5980)

"""The face of an instrument."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.peripherals.config import InstrumentConfig
from gateway.peripherals.panel import Panel
from protocol.channels import InstrumentState
from protocol.readings import InstrumentKind, Quantity


def panel() -> tuple[Panel, list[int]]:
    told: list[int] = []
    config = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Tensiomètre", "ble", "x")
    return Panel(config, lambda: told.append(1)), told


def pressure(value: str, unit: str = "mm[Hg]") -> tuple[Quantity, ...]:
    return (Quantity(loinc="", mdc=150300, unit=unit, value=Decimal(value)),)


@pytest.mark.parametrize(("value", "unit", "shown"), [
    ("136", "mm[Hg]", 136), ("18.1", "kPa", 136), ("0", "mm[Hg]", 0), ("-2", "mm[Hg]", None), ("2047", "mm[Hg]", None)])
def test_the_pressure_of_a_cuff_is_shown_in_millimetres(value: str, unit: str, shown: int | None) -> None:
    """Whatever unit it measures in; what no cuff can hold is not shown."""
    face, _ = panel()
    face.show(InstrumentState.measuring, live=pressure(value, unit))
    assert (face.cuff.pressure if face.cuff else None) == shown


def test_only_a_change_is_told() -> None:
    """The kiosk is pushed a state on every change: the same one twice is none."""
    face, told = panel()
    face.show(InstrumentState.measuring, live=pressure("100"))
    face.show(InstrumentState.measuring, live=pressure("100"))
    face.charge(50)
    face.charge(50)
    face.charge(None)
    face.charge(101)
    assert len(told) == 2
    assert (face.instrument.battery, face.instrument.live) == (50, pressure("100"))


def test_what_is_live_ends_with_the_measuring() -> None:
    """A done cuff shows no pressure."""
    face, _ = panel()
    face.show(InstrumentState.measuring, live=pressure("100"))
    face.show(InstrumentState.done)
    assert (face.cuff, face.instrument.live) == (None, ())

"""What radio instruments are taken for, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.peripherals import meaning, models
from gateway.peripherals.drivers.ecg_links import LINKS
from gateway.peripherals.models import MODELS, ClockRule, Manners, Step, Uuid
from protocol.readings import InstrumentKind


def offering(*services: Uuid) -> Callable[[Uuid], bool]:
    """The `offers` of an advertisement with these services."""
    return lambda service: service in services


@pytest.mark.parametrize(("name", "services", "companies", "key"), [
    ("A&D_UA-651BLE_A1B2C3", (0x1810,), (0x0069,), "ua651ble"),
    ("BLESmart_0000011F0C1A2B3C4D5E", (0x1810,), (0x020E,), "omron"),
    ("BLEsmart_0000011F0C1A2B3C4D5E", (), (0x020E,), "omron"),
    ("", (0x1810,), (0x020E,), "omron"),
    ("BLESmart_00010112", (0x181D,), (0x020E,), "scale"),
    ("BLESmart_00000116", (0xFE4A,), (0x020E,), "omron-eeprom"),
    ("BLESmart_0000011F", (0xFE4A, 0x1810), (0x020E,), "omron"),
    ("BM54", (0x1810,), (0x0611,), "beurer"),
    ("BM85", (0x1810,), (0x0611,), "beurer-memory"),
    ("BMW remote", (), (), None),
    ("Nonin3230_502644", (0x1822,), (), "nonin-3230"),
    ("anything", (models.NONIN_SERVICE,), (), "nonin-3230"),
    ("Polar H10 7E12D223", (0x180D,), (0x006B,), "polar-h10"),
    ("Polar Sense 12", (0x180D,), (0x006B,), "heart-rate"),
    ("ER1 0123", (), (), "viatom-er1"),
    ("x", (0x1809,), (), "thermometer"),
    ("x", (0x1808,), (), "glucose"),
    ("x", (0x1822,), (), "oximeter"),
    ("x", (0x181B, 0x181D), (), "body-composition"),
    ("x", (0x181D,), (), "scale"),
    ("Headphones", (0x110B,), (0x0075,), None),
    ("", (), (), None),
])
def test_an_advertisement_is_recognised(name: str, services: tuple[Uuid, ...], companies: tuple[int, ...],
                                        key: str | None) -> None:
    """Name before vendor's service before maker before profile; a stranger is nothing."""
    found = models.recognise(name, offering(*services), companies)
    assert (found.key if found else None) == key


@pytest.mark.parametrize(("taken_for", "model", "key"), [
    ("blood-pressure", "BM85", "beurer-memory"), ("beurer", "SBM69", "beurer-memory"), ("beurer", "BM77", "beurer"),
    ("blood-pressure", "UA-651BLE", "ua651ble"), ("heart-rate", "H10", "heart-rate"), ("glucose", "BM85", "glucose"),
    ("blood-pressure", "", "blood-pressure"),
])
def test_device_information_refines_within_a_kind(taken_for: str, model: str, key: str) -> None:
    """A model's name changes the manners, never what kind of instrument it is."""
    assert models.refine(models.BY_KEY[taken_for], model).key == key


@pytest.mark.parametrize("manners", MODELS, ids=lambda manners: manners.key)
def test_every_model_can_be_lived_with(manners: Manners) -> None:
    """Its frames have a decoder, its samples a link, its steps are in an order that can work."""
    for characteristic in (*manners.records, *manners.live):
        if isinstance(characteristic, str):
            assert manners.vendor in meaning.VENDOR
        else:
            assert characteristic in meaning.CHARACTERISTICS or characteristic == models.GLUCOSE_CONTEXT
    assert not manners.waveform or manners.waveform in LINKS
    assert Step.subscribe in manners.order or manners.key == models.OLDER_OMRON
    assert len(set(manners.order)) == len(manners.order)
    if manners.racp:
        assert manners.order.index(Step.subscribe) < manners.order.index(Step.ask)
    if manners.clock is ClockRule.always:
        assert manners.order.index(Step.read_clock) < manners.order.index(Step.set_clock)
    assert manners.quiet_s > 0


def test_an_omron_says_which_of_two_it_is_once_connected() -> None:
    """Not every one of them names its service in the advertisement."""
    older, newer = models.BY_KEY["omron-eeprom"], models.BY_KEY["omron"]
    assert models.found_out(older, offering(models.BLOOD_PRESSURE, models.OMRON_UNLOCK)) is newer
    assert models.found_out(newer, offering(models.OMRON_UNLOCK)) is older
    assert models.found_out(newer, offering(models.BLOOD_PRESSURE)) is newer


def test_every_kind_has_one_name_and_radio_kinds_a_profile() -> None:
    """Keys are what configurations say; what does not say its model is lived with by its kind."""
    assert len(models.BY_KEY) == len(MODELS)
    assert set(models.GENERIC) == {
        InstrumentKind.blood_pressure, InstrumentKind.thermometer, InstrumentKind.oximeter,
        InstrumentKind.glucose_meter, InstrumentKind.scale, InstrumentKind.heart_rate_belt}

"""What stands in the file and what was paired, as instruments on board: every mistake one sentence, no number twice."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway import aboard, rooms_config
from gateway.config import ConfigError, parse
from gateway.fitting import Fitting, fitted
from gateway.peripherals.config import InstrumentConfig, RadioConfig
from gateway.peripherals.registry import drivers
from gateway.peripherals.supervisor import Supervisor
from gateway.store import Store
from protocol.readings import InstrumentKind

HEAD = """
data = "/var/lib/passerelle"
simulated = true
[camera]
source = "tcp://127.0.0.1:5000"
[printer]
kind = "folder"
target = "/tmp"
"""
CUFF = InstrumentConfig(1, "cuff", InstrumentKind.blood_pressure, "Cuff", "ble", "AA:BB:CC:DD:EE:01")


class Sink:
    """Nothing is said here."""

    def changed(self) -> None:
        """Nobody looks."""


def table(**values: object) -> str:
    said = {"number": 1, "id": "it", "kind": "ecg", "name": "It", "driver": "healthypi5", "source": "/dev/it", **values}
    return "[[instrument]]\n" + "".join(
        f"{key} = {value if isinstance(value, int | list) else msgspec.json.encode(value).decode()}\n"
        for key, value in said.items())


def on_board(*tables: str) -> Supervisor:
    config = parse(HEAD + "".join(tables), Path("/etc/gateway.toml"))
    rooms_config.stethoscope(config)
    rooms_config.media(config)
    return Supervisor(rooms_config.instruments(config), RadioConfig(), Sink(),  # type: ignore[arg-type]
                      aboard.entries(Path("/var/lib/passerelle/recordings")))


@pytest.mark.parametrize(("tables", "word"), [
    ([table(driver="helathypi5")], "driver helathypi5 is unknown; known are ble"),
    ([table(source="")], "source"),
    ([table(source="ttyACM0")], "must begin with / or usb:"),
    ([table(source="usb:2e8a")], "usb:VID:PID"),
    ([table(source="usb:zz:0001")], "usb:VID:PID"),
    ([table(kind="skin_camera")], "is for kind ecg"),
    ([table(kind="blood_pressure", driver="still", source="v4l2:/dev/v4l/by-id/x")], "is for kind"),
    ([table(kind="skin_camera", driver="still", source="/dev/video0")], "is no camera's"),
    ([table(kind="skin_camera", driver="ble")], "knows no skin_camera"),
    ([table(kind="blood_pressure", driver="ble", model="ua651")], "known are ua651ble"),
    ([table(kind="blood_pressure", driver="ble", model="polar-h10")], "is no blood_pressure"),
    ([table(kind="blood_pressure", driver="ble", rate_hz=5)], "does not read rate_hz"),
    ([table(driver="cyton", leads=[131329, 131329])], "each lead once"),
    ([table(driver="cyton", leads=[0, 0])], "channels"),
    ([table(driver="cyton", leads=[-1])], "MDC codes"),
    ([table(leads=[131329, 131330])], "at most 1"),
    ([table(driver="ecg12", leads=[131329])], "does not read leads"),
    ([table(gain=7)], "20, 40, 80 or 160"),
    ([table(rate_hz=9000)], "between 1 and 4000"),
    ([table(driver="ecg_folder", source="cart")], "must begin with /"),
    ([table(driver="stethoscope", source="alsa:hw:CARD=a")], "is for kind stethoscope"),
    ([table(driver="stethoscope", kind="stethoscope", source="alsa:hw:2")], "names no card"),
    ([table(driver="stethoscope", kind="stethoscope", source="alsa:hw:CARD=a", rate_hz=999)], "4000 to 48000"),
])
def test_a_mistake_in_an_instrument_is_one_sentence_that_names_it(tables: list[str], word: str) -> None:
    """IT reads it in the journal: which instrument, what is wrong, what would be right."""
    with pytest.raises(ValueError, match="instrument it: ") as refused:
        on_board(*tables)
    assert word in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("second", "word"), [
    ({"id": "b", "number": 2}, "its source is that of it"),
    ({"id": "b", "number": 1, "source": "/dev/b"}, "instrument[1].number"),
    ({"id": "it", "number": 2, "source": "/dev/b"}, "instrument[1].id"),
])
def test_two_instruments_share_neither_device_nor_number_nor_name(second: dict[str, object], word: str) -> None:
    """Two drivers at one device would take each other's bytes."""
    with pytest.raises((ValueError, ConfigError)) as refused:
        on_board(table(), table(**second))
    assert word in str(refused.value)


def test_two_stethoscopes_are_refused() -> None:
    """The doctor hears one."""
    ear = {"driver": "stethoscope", "kind": "stethoscope"}
    with pytest.raises(ValueError, match="two stethoscopes"):
        on_board(table(**ear, source="alsa:hw:CARD=a"), table(**ear, source="alsa:hw:CARD=b", id="b", number=2))


def test_every_driver_has_its_rules_of_the_file() -> None:
    """A driver that is added without them could not be configured."""
    assert set(rooms_config.TAKES) == {*drivers(Path("/")), aboard.STETHOSCOPE}


async def test_what_was_paired_never_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    """Another release's driver, kind or model, a number or a device that the file took since: left out, or recognised
    anew."""
    rows: list[dict[str, str | int]] = [
        {"id": "new", "number": 2, "source": "AA:00", "model": "of-a-later-release"},
        {"id": "gone", "number": 3, "source": "AA:01", "driver": "of-a-later-release"},
        {"id": "twin", "number": 4, "source": CUFF.source.lower()},
        {"id": "clash", "number": 1, "source": "AA:02"},
        {"id": "camera", "number": 6, "source": "AA:03", "kind": "otoscope"},
    ]
    async with Store(tmp_path) as store:
        for row in rows:
            made = InstrumentConfig(int(str(row["number"])) + 50, str(row["id"]), InstrumentKind(str(row.get(
                "kind", "blood_pressure"))), "Paired", str(row.get("driver", "ble")), str(row["source"]),
                model=str(row.get("model", "")))
            body = msgspec.json.encode(made).replace(str(made.number).encode(), str(row["number"]).encode(), 1)
            await store.paired.put(made.instrument_id, made.number, body)
        found = await fitted(store, (CUFF,))
    assert [(config.instrument_id, config.number, config.model) for config in found] == [("cuff", 1, ""),
                                                                                         ("new", 2, "")]
    Supervisor(found, RadioConfig(), Sink(), drivers(tmp_path))  # type: ignore[arg-type]


async def test_the_stethoscopes_number_is_not_given_to_what_is_paired(tmp_path: Path) -> None:
    """It is an instrument with a number on its sticker, although its driver lives elsewhere."""
    config = parse(HEAD + table(driver="stethoscope", kind="stethoscope", source="alsa:hw:CARD=a"), Path("/etc/g.toml"))
    ear = rooms_config.stethoscope(config)
    assert ear is not None
    paired = InstrumentConfig(1, "ble-aa", InstrumentKind.blood_pressure, "Cuff", "ble", "AA:00")
    async with Store(tmp_path) as store:
        await store.paired.put("ble-aa", 1, msgspec.json.encode(paired))
        found = await fitted(store, (ear,))
        assert found == (ear,)
        supervisor = Supervisor(found, RadioConfig(), Sink(), aboard.entries(tmp_path))  # type: ignore[arg-type]
        Fitting(supervisor, store, ())
        assert {config.number for config in supervisor.configs()} == {1}

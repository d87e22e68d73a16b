"""The demonstration's accounts, and the configuration files of its relay and gateways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody who can sign in at the relay of a demonstration."""

    account: str
    password: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DemoNurse:
    """Somebody who can sign in at a kiosk of a demonstration."""

    nurse_id: str
    name: str
    pin: str


DOCTORS = (
    DemoAccount("martin", "demo", {
        "id": "dr-martin", "name": "Claire Martin", "title": "Docteur", "speciality": "Médecine générale",
        "rpps": "10101234567", "address": "12 rue de la République, 63600 Ambert, France",
        "phone": "+33 4 73 00 00 01", "email": "claire.martin@exemple.fr"}),
    DemoAccount("lefevre", "demo", {
        "id": "dr-lefevre", "name": "Paul Lefèvre", "title": "Docteur", "speciality": "Cardiologie",
        "rpps": "10107654321", "address": "3 place de Jaude, 63000 Clermont-Ferrand, France",
        "phone": "+33 4 73 00 00 02", "email": "paul.lefevre@exemple.fr"}),
)
IT_ACCOUNT = DemoAccount("support", "demo", {"name": "Support"})
NURSES = (DemoNurse("ines", "Inès Moreau", "1234"), DemoNurse("hugo", "Hugo Bernard", "5678"))


class PortsLike(Protocol):
    """The ports that the relay listens on."""

    @property
    def browser(self) -> int: ...
    @property
    def vehicle(self) -> int: ...


def _table(header: str, values: Mapping[str, Any]) -> str:
    lines = [header]
    for key, value in values.items():
        lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def relay_toml(directory: Path, root: Path, ports: PortsLike, hashes: Mapping[str, Any],
               vehicle_host: str = "127.0.0.1") -> str:
    """The relay's configuration: demonstration sign-in, plain HTTP on loopback, TLS for vehicles."""
    ca = directory / "ca"
    vehicle_url = f"https://{vehicle_host}:{ports.vehicle}"
    parts = [
        _table("", {"data": str(directory / "relay"), "demo": True}),
        _table("[browser]", {"host": "127.0.0.1", "port": ports.browser, "web": str(root / "web_client" / "dist")}),
        _table("[vehicle]", {"host": vehicle_host, "port": ports.vehicle, "certificate": str(ca / "server.pem"),
                             "key": str(ca / "server.key"), "ca": str(ca / "ca.pem"), "public_url": vehicle_url}),
        _table("[ca]", {"certificate": str(ca / "ca.pem"), "key": str(ca / "ca.key")}),
    ]
    for account in DOCTORS:
        parts.append(_table("[[doctor]]", {"account": account.account, **account.facts,
                                           "password_hash": hashes["passwords"][account.account]}))
    parts.append(_table("[[it]]", {"account": IT_ACCOUNT.account,
                                   "password_hash": hashes["passwords"][IT_ACCOUNT.account]}))
    return "\n".join(parts)


def gateway_toml(directory: Path, root: Path, relay_url: str, kiosk_port: int, parts: Mapping[str, Any],
                 interfaces: Sequence[str], pins: Mapping[str, str]) -> str:
    """A gateway's configuration with simulated hardware; `parts` is what the hardware's process wrote."""
    tables = [
        _table("", {"data": str(directory / "data"), "simulated": True, "demo": True}),
        _table("[relay]", {"url": relay_url}),
        _table("[identity]", {"directory": str(directory / "identity")}),
        _table("[kiosk]", {"host": "127.0.0.1", "port": kiosk_port, "web": str(root / "web_client" / "dist")}),
        _table("[media]", {"interfaces": list(interfaces)}),
        _table("[camera]", {"source": parts["camera"], "width": 1280, "height": 720, "frames_per_second": 25,
                            "simulated": True, "name": "Caméra simulée"}),
        _table("[radio]", {"backend": "sim.radio:backend", "address": parts["hci"]}),
        _table("[printer]", {"kind": "folder", "target": str(directory / "prints")}),
    ]
    tables += [_table("[[nurse]]", {"id": nurse.nurse_id, "name": nurse.name, "pin_hash": pins[nurse.nurse_id]})
               for nurse in NURSES]
    tables += [_table("[[instrument]]", {"number": number, **instrument, "simulated": True})
               for number, instrument in enumerate(_instruments(parts), start=1)]
    return "\n".join(tables)


EQUIPMENT = ("thermometer", "oximeter", "glucose", "scale", "ecg12", "corometrics", "otoscope", "stethoscope", "cart")
"""What the demonstration's vehicle carries beside cuff, one-lead ECG and skin camera (names of `sim.equipment`)."""

_NAMES = {
    "thermometer": "Thermomètre", "oximeter": "Oxymètre", "glucose": "Glucomètre", "scale": "Balance",
    "belt": "Ceinture cardiaque", "beurer": "Tensiomètre à code", "polar": "Ceinture ECG", "er1": "Patch ECG",
    "nonin": "Oxymètre Nonin", "omron": "Tensiomètre Omron", "ecg12": "ECG 12 dérivations",
    "ads1292r": "ECG ADS1292R", "cyton": "ECG Cyton", "corometrics": "Monitoring fœtal", "otoscope": "Otoscope",
    "intraoral": "Caméra buccale", "ultrasound": "Échographe",
}
_CAMERA_KINDS = {"skin": "skin_camera", "otoscope": "otoscope", "intraoral": "intraoral_camera",
                 "ultrasound": "ultrasound"}
_CYTON_LEADS = (131329, 131330, 131331, 131332, 131333, 131334, 131335, 131336)
"""How `sim.wire.rack` wires it: I, II, V1 to V6 (ISO/IEEE 11073-10101)."""


def _instruments(parts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tables of what the hardware's process said it has, in the order of their numbers."""
    yield {"id": "cuff", "kind": "blood_pressure", "name": "Tensiomètre", "driver": "ua651ble",
           "source": parts["cuff"]}
    yield {"id": "ecg", "kind": "ecg", "name": "ECG", "driver": "healthypi5", "source": parts["ecg"],
           "rate_hz": parts["ecg_rate_hz"]}
    yield {"id": "skin", "kind": "skin_camera", "name": "Caméra peau", "driver": "still", "source": parts["skin"]}
    for name, radio in parts["ble"].items():
        if name != "cuff":
            yield {"id": name, "kind": radio["kind"], "name": _NAMES[name], "driver": "ble",
                   "source": radio["address"], "model": radio["model"]}
    for name, line in parts["wired"].items():
        leads = {"leads": list(_CYTON_LEADS)} if name == "cyton" else {}
        yield {"id": name, "kind": line["kind"], "name": _NAMES[name], "driver": line["driver"],
               "source": line["path"], **leads}
    for name, url in parts["cameras"].items():
        if name != "skin":
            yield {"id": name, "kind": _CAMERA_KINDS[name], "name": _NAMES[name], "driver": "still", "source": url}
    if parts["stethoscope"]:
        yield {"id": "stethoscope", "kind": "stethoscope", "name": "Stéthoscope", "driver": "stethoscope",
               "source": parts["stethoscope"]["source"], "rate_hz": parts["stethoscope"]["rate_hz"]}
    if parts["cart"]:
        yield {"id": "cart", "kind": "ecg", "name": "Chariot ECG", "driver": "ecg_folder", "source": parts["cart"]}

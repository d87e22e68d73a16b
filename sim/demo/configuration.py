"""The demonstration's accounts, and the configuration files of its relay and gateways."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    instruments: tuple[dict[str, Any], ...] = (
        {"number": 1, "id": "cuff", "kind": "blood_pressure", "name": "Tensiomètre", "driver": "ua651ble",
         "source": parts.get("cuff", ""), "simulated": True},
        {"number": 2, "id": "ecg", "kind": "ecg", "name": "ECG", "driver": "healthypi5", "source": parts["ecg"],
         "rate_hz": parts["ecg_rate_hz"], "simulated": True},
        {"number": 3, "id": "skin", "kind": "skin_camera", "name": "Caméra peau", "driver": "still",
         "source": parts["skin"], "simulated": True},
    )
    tables += [_table("[[instrument]]", instrument) for instrument in instruments]
    return "\n".join(tables)

"""The demonstration's world: a development CA, the relay, and vehicles with simulated hardware."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from argon2 import PasswordHasher

from .configuration import DOCTORS, IT_ACCOUNT, NURSES, gateway_toml, relay_toml
from .processes import DemoFailed, Process, run_once

ROOT = Path(__file__).resolve().parents[2]
PORT_BASE = 8080
"""Doctors at 8080, vehicles at 8081, kiosks from 8090 on."""
_HTTP_SECONDS = 30.0
"""The simulated hardware answers at once, when the machine lets it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The loopback ports of one world."""

    browser: int
    vehicle: int
    kiosks: tuple[int, ...]

    @classmethod
    def from_base(cls, base: int, vehicles: int = 4) -> Ports:
        """Consecutive ports from `base`."""
        return cls(base, base + 1, tuple(range(base + 10, base + 10 + vehicles)))


@dataclass(frozen=True, slots=True)
class Road:
    """A network between the vehicles and the rest: the relay runs behind `far` (a command's prefix, for another
    network namespace) at `relay_host`, the gateways behind `near`, in whose namespace this process is already."""

    far: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    relay_host: str = "127.0.0.1"


@dataclass(slots=True)
class Vehicle:
    """One simulated vehicle: its hardware process and its gateway process."""

    name: str
    territory: str
    directory: Path
    kiosk_port: int
    hardware: Process
    gateway: Process
    vehicle_id: str = ""

    @property
    def kiosk_url(self) -> str:
        """Address of the nurse's touchscreen."""
        return f"http://127.0.0.1:{self.kiosk_port}/"

    @property
    def prints(self) -> Path:
        """The folder that stands for the printer's tray."""
        return self.directory / "prints"

    def parts(self) -> dict[str, Any]:
        """Ports and paths of the simulated hardware, as its process wrote them."""
        parts: dict[str, Any] = json.loads((self.directory / "sim" / "sim.json").read_text())
        return parts

    async def control(self, what: str, **body: Any) -> dict[str, Any]:
        """Tell the simulated hardware something (`cuff/measure`, `camera/unplug`…)."""
        timeout = aiohttp.ClientTimeout(total=_HTTP_SECONDS)
        url = f"{self.parts()['control']}/{what}"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, json=body) as answer:
            if answer.status >= 400:
                raise DemoFailed(f"the simulated vehicle refused {what}: {await answer.text()}")
            done: dict[str, Any] = await answer.json()
            return done

    async def ask(self, what: str) -> dict[str, Any]:
        """Ask the simulated hardware something (`state`, `ecg/expected`)."""
        timeout = aiohttp.ClientTimeout(total=_HTTP_SECONDS)
        url = f"{self.parts()['control']}/{what}"
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            answer.raise_for_status()
            told: dict[str, Any] = await answer.json()
            return told


@dataclass(slots=True)
class World:
    """Everything that runs. `directory` keeps it from one start to the next."""

    directory: Path
    ports: Ports
    ecg_record: Path | None = None
    interfaces: tuple[str, ...] = ("lo",)
    road: Road = Road()
    equipment: tuple[str, ...] = ()
    """What is on board beside cuff, one-lead ECG and skin camera (names of `sim.equipment`)."""
    twelve_record: Path | None = None
    vehicles: list[Vehicle] = field(default_factory=list)
    relay: Process = field(init=False)

    def __post_init__(self) -> None:
        self.relay = Process("relay", ("-m", "relay", "serve", "--config", str(self.directory / "relay.toml")),
                             self.directory / "logs" / "relay.log", prefix=self.road.far, host=self.road.relay_host,
                             port=self.ports.vehicle if self.road.far else self.ports.browser)

    @property
    def relay_url(self) -> str:
        """Address of the doctor's page and of IT's interface, on the relay's side of the road."""
        return f"http://127.0.0.1:{self.ports.browser}"

    @property
    def vehicle_url(self) -> str:
        """Address of the relay's listener for vehicles."""
        return f"https://{self.road.relay_host}:{self.ports.vehicle}"

    async def start(self, vehicles: Sequence[tuple[str, str]] = (("Médicobus 1", "Ambert"),)) -> None:
        """Bring up the relay and the vehicles, making what does not exist yet."""
        self.directory.mkdir(parents=True, exist_ok=True)
        await self._certificates()
        (self.directory / "relay.toml").write_text(relay_toml(
            self.directory, ROOT, self.ports, self._secrets(), self.road.relay_host))
        await self.relay.start()
        await asyncio.gather(*(self.add_vehicle(name, territory) for name, territory in vehicles))

    async def add_vehicle(self, name: str, territory: str) -> Vehicle:
        """A new vehicle, or the one of that name from an earlier start: enrolled and running."""
        number = len(self.vehicles) + 1
        directory = self.directory / f"vehicle-{number}"
        logs = self.directory / "logs"
        hardware = Process(
            f"hardware of {name}",
            ("-m", "sim", "vehicle", "--dir", str(directory / "sim"),
             *(("--ecg-record", str(self.ecg_record)) if self.ecg_record else ()),
             *(("--twelve-record", str(self.twelve_record)) if self.twelve_record else ()),
             "--instruments", ",".join(self.equipment)),
            logs / f"vehicle-{number}-hardware.log", file=directory / "sim" / "sim.json")
        kiosk_port = self.ports.kiosks[number - 1]
        gateway = Process(f"gateway of {name}",
                          ("-m", "gateway", "run", "--config", str(directory / "gateway.toml")),
                          logs / f"vehicle-{number}-gateway.log", port=kiosk_port, prefix=self.road.near)
        vehicle = Vehicle(name, territory, directory, kiosk_port, hardware, gateway)
        self.vehicles.append(vehicle)
        directory.mkdir(exist_ok=True)
        (directory / "sim").mkdir(exist_ok=True)
        vehicle.prints.mkdir(exist_ok=True)
        await asyncio.gather(hardware.start(), self._enrol(vehicle))
        described = json.loads((directory / "identity" / "vehicle.json").read_text())
        vehicle.vehicle_id = described["vehicle_id"]
        (directory / "gateway.toml").write_text(
            gateway_toml(vehicle.directory, ROOT, self.vehicle_url, kiosk_port, vehicle.parts(),
                         self.interfaces, self._secrets()["pins"]))
        await gateway.start()
        return vehicle

    async def enrolment_code(self, name: str, territory: str) -> str:
        """What IT support does at its own machine: a one-time code for a new vehicle."""
        out = await self.fleet("vehicle", "add", name, "--territory", territory)
        return next(word for word in out.split() if "." in word and len(word) > 40)

    async def fleet(self, *arguments: str) -> str:
        """Run `passerelle-fleet` as IT support would, signed in; returns what it prints."""
        home = self.directory / "it"
        home.mkdir(exist_ok=True)
        environment = {"XDG_STATE_HOME": str(home), "LANG": "fr_FR.UTF-8"}
        log = self.directory / "logs" / "fleet.log"
        password = home / "password"
        password.write_text(IT_ACCOUNT.password)
        password.chmod(0o600)
        base = ("-m", "fleet", "--relay", self.relay_url)
        await run_once(*base, "sign-in", "--account", IT_ACCOUNT.account, "--password-file", str(password),
                       log=log, environment=environment, prefix=self.road.far)
        return await run_once(*base, *arguments, log=log, environment=environment, prefix=self.road.far)

    async def stop(self) -> None:
        """End everything, the vehicles first."""
        await asyncio.gather(*(vehicle.gateway.stop() for vehicle in self.vehicles))
        await asyncio.gather(self.relay.stop(), *(vehicle.hardware.stop() for vehicle in self.vehicles))

    async def _enrol(self, vehicle: Vehicle) -> None:
        identity = vehicle.directory / "identity"
        if (identity / "vehicle.json").exists():
            return
        code = await self.enrolment_code(vehicle.name, vehicle.territory)
        await run_once("-m", "gateway", "enrol", code, "--relay", self.relay_url, "--directory", str(identity),
                       log=self.directory / "logs" / "enrol.log", prefix=self.road.far)

    async def _certificates(self) -> None:
        hosts = [word for host in dict.fromkeys(("127.0.0.1", "localhost", self.road.relay_host))
                 for word in ("--host", host)]
        await run_once(str(ROOT / "certs" / "make_dev_ca.py"), "--directory", str(self.directory / "ca"), *hosts,
                       log=self.directory / "logs" / "ca.log")

    def _secrets(self) -> dict[str, Any]:
        """Hashes of the demonstration's passwords and PINs, made once (argon2 is slow on purpose)."""
        path = self.directory / "hashes.json"
        wanted = [a.account for a in (*DOCTORS, IT_ACCOUNT)] + [n.nurse_id for n in NURSES]
        if path.exists():
            kept: dict[str, Any] = json.loads(path.read_text())
            if kept.get("for") == wanted:
                return kept
        hasher = PasswordHasher()
        made = {
            "for": wanted,
            "passwords": {a.account: hasher.hash(a.password) for a in (*DOCTORS, IT_ACCOUNT)},
            "pins": {n.nurse_id: hasher.hash(n.pin) for n in NURSES},
        }
        path.write_text(json.dumps(made))
        path.chmod(0o600)
        return made

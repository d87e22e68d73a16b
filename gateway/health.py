"""What is wrong here, in one value: for the kiosk's bar, for the fleet's table, for the service manager."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from protocol.channels import Instrument, InstrumentState
from protocol.kiosk import CameraView, Power, PowerSource, RelayLink
from protocol.quality import CallSummary
from protocol.signalling import VehicleHealth
from protocol.values import Problem

from .link_view import LinkView

CERTIFICATE_DAYS = 30
"""A certificate lives 90 days and nothing on the vehicle renews it: a month is left to enrol it again
(`docs/operations.md`)."""
DISK_FREE_SHARE = 0.10
"""Below a tenth a day of stills no longer fits with certainty."""
BATTERY_PERCENT = 20
"""A vehicle's PC runs about half an hour on what is left."""
CLOCK_SECONDS = 30.0
"""More than a slow round trip: readings would get a wrong time, and certificates soon fail."""
POWER_SUPPLIES = Path("/sys/class/power_supply")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the composition root knows of the other rooms."""

    link: LinkView
    certificate_days: int
    certificate_code: str | None
    camera: CameraView
    instruments: Sequence[Instrument]
    shared: Sequence[Problem]
    """What is wrong with what several instruments need: the Bluetooth adapter and its recovery."""
    power: Power
    disk_free_share: float | None
    store_code: str | None
    printer_code: str | None
    encoder_code: str | None = None


def found(facts: Facts) -> list[tuple[str, str]]:
    """What is wrong, as (code, subject); pure."""
    wrong: list[tuple[str, str]] = []
    if facts.link.state is RelayLink.offline:
        wrong.append((facts.link.code or "relay.unreachable", "relay"))
    if facts.certificate_code is not None and facts.certificate_code != facts.link.code:
        wrong.append((facts.certificate_code, "certificate"))
    elif facts.certificate_code is None and facts.certificate_days < CERTIFICATE_DAYS:
        wrong.append(("certificate.expires_soon", "certificate"))
    if facts.link.clock_offset_s is not None and abs(facts.link.clock_offset_s) > CLOCK_SECONDS:
        wrong.append(("clock.wrong", "clock"))
    if not facts.camera.present:
        wrong.append((facts.camera.code or "camera.absent", "camera"))
    if facts.store_code is not None:
        wrong.append((facts.store_code, "store"))
    elif facts.disk_free_share is not None and facts.disk_free_share < DISK_FREE_SHARE:
        wrong.append(("store.nearly_full", "store"))
    if facts.printer_code is not None:
        wrong.append((facts.printer_code, "printer"))
    if facts.encoder_code is not None:
        wrong.append((facts.encoder_code, "camera"))
    if facts.power.source is PowerSource.battery and facts.power.percent is not None \
            and facts.power.percent <= BATTERY_PERCENT:
        wrong.append(("power.low", "power"))
    wrong.extend((problem.code, problem.subject) for problem in facts.shared)
    wrong.extend((instrument.problem, instrument.instrument_id) for instrument in facts.instruments
                 if instrument.problem is not None
                 and instrument.state in (InstrumentState.absent, InstrumentState.failed))
    return wrong


@dataclass(slots=True)
class ProblemList:
    """Problems with the moment each began, kept while it lasts."""

    _since: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def update(self, wrong: Sequence[tuple[str, str]], now: datetime) -> tuple[Problem, ...]:
        """The list as it is now."""
        self._since = {key: self._since.get(key, now) for key in wrong}
        return tuple(Problem(code=code, subject=subject, since=since)
                     for (code, subject), since in self._since.items())


def report(release: str, problems: tuple[Problem, ...], facts: Facts, outbox: int, simulated: bool,
           call: CallSummary | None = None) -> VehicleHealth:
    """What the relay's fleet table gets."""
    return VehicleHealth(release=release, problems=problems, certificate_days=facts.certificate_days,
                         outbox=outbox, camera=facts.camera.present, simulated=simulated, call=call)


def disk_free_share(directory: Path) -> float | None:
    """Free share of the disk, what is kept for root apart. None when it can't be read. Blocking."""
    try:
        room = os.statvfs(directory)
    except OSError:
        return None
    return room.f_bavail / room.f_blocks if room.f_blocks else None


def read_power(folder: Path = POWER_SUPPLIES) -> Power:
    """What feeds this PC (Documentation/ABI/testing/sysfs-class-power). Unknown when nothing says. Blocking."""
    online: list[bool] = []
    percents: list[int] = []
    discharging = False
    try:
        supplies = sorted(folder.iterdir())
    except OSError:
        return Power(source=PowerSource.unknown)
    for supply in supplies:
        kind = _word(supply / "type")
        # A battery with scope `Device` is in a mouse, not in this machine.
        if _word(supply / "scope") == "Device":
            continue
        if kind in ("Mains", "USB"):
            online.append(_word(supply / "online") == "1")
        elif kind == "Battery":
            discharging = discharging or _word(supply / "status") == "Discharging"
            capacity = _word(supply / "capacity")
            if capacity.isdecimal() and int(capacity) <= 100:
                percents.append(int(capacity))
    percent = min(percents) if percents else None
    if any(online):
        return Power(source=PowerSource.mains, percent=percent)
    if discharging or (online and percents):
        return Power(source=PowerSource.battery, percent=percent)
    return Power(source=PowerSource.unknown, percent=percent)


def _word(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""

"""The radio ECGs: what is subscribed to, asked and answered for their samples. One class a protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Protocol

from protocol.readings import Quantity

from ..codes import HEART_RATE
from ..ecg_quality import LEAD_OFF
from ..measured import quantity
from ..profiles import polar_pmd, viatom_er1
from .visit import Visit

MISSED_S: Final = 0.5
"""An ER1 answers once a second within 100 ms: fewer samples than the time that passed, by this much, are lost."""

Burst = tuple[int, tuple[int | None, ...]]
"""How many samples were lost before, and those that came."""


class EcgLink(Protocol):
    """One connection's samples. `characteristics` bring them; `problem` says why it does not send; `electrodes` what it
    says of its contact."""

    @property
    def rate_hz(self) -> Decimal: ...
    @property
    def microvolts(self) -> Decimal: ...
    @property
    def rail(self) -> int | None: ...
    @property
    def characteristics(self) -> tuple[str, ...]: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def electrodes(self) -> str | None: ...
    @property
    def live(self) -> tuple[Quantity, ...] | None:
        """The rate it tells beside its samples; None: another characteristic tells it."""

    async def prepare(self, visit: Visit) -> None:
        """Right after the greeting. LinkFailed, BondNeeded."""

    async def begin(self, visit: Visit) -> None:
        """Ask for samples. LinkFailed, BondNeeded."""

    async def ask(self, visit: Visit) -> None:
        """Once a second while connected. LinkFailed."""

    def received(self, visit: Visit, characteristic: str, data: bytes) -> Burst | None:
        """A frame; None when it holds no samples. DecodeError."""

    async def end(self, visit: Visit) -> None:
        """No more samples. LinkFailed."""


class PolarLink:
    """Polar Measurement Data of an H10: samples come by themselves once they were asked for."""

    rate_hz, microvolts, rail = polar_pmd.RATE_HZ, polar_pmd.MICROVOLTS, polar_pmd.RANGE_UV
    characteristics = (polar_pmd.CONTROL, polar_pmd.DATA)
    live = electrodes = None

    def __init__(self) -> None:
        self._session = polar_pmd.Session()

    @property
    def problem(self) -> str | None:
        return self._session.problem

    async def prepare(self, visit: Visit) -> None:
        """Nothing before the first start."""

    async def begin(self, visit: Visit) -> None:
        """Subscribe, end what an earlier connection may have left running, start."""
        self._session = session = polar_pmd.Session()
        for characteristic in self.characteristics:
            await visit.bonded(lambda name=characteristic: visit.link.subscribe(name))  # type: ignore[misc]
        while (command := session.next_command()) is not None:
            await visit.link.write(polar_pmd.CONTROL, command)

    async def ask(self, visit: Visit) -> None:
        """It needs no asking."""

    def received(self, visit: Visit, characteristic: str, data: bytes) -> Burst | None:
        """A reply of the control point, or samples."""
        if characteristic == polar_pmd.CONTROL:
            self._session.answered(data)
            return None
        return self._session.received(data)

    async def end(self, visit: Visit) -> None:
        """The belt goes on with its heart rate."""
        await visit.link.write(polar_pmd.CONTROL, self._session.goodbye())


class ViatomLink:
    """Viatom ER1: asked once a second, also when nobody looks: it tells rate, battery and contact with it."""

    rate_hz, microvolts = viatom_er1.RATE_HZ, viatom_er1.MICROVOLTS
    rail = problem = None
    characteristics = (viatom_er1.NOTIFY,)

    def __init__(self) -> None:
        self._session = viatom_er1.Session()
        self._heard: float | None = None

    @property
    def electrodes(self) -> str | None:
        """What it says of its electrodes."""
        last = self._session.last
        return LEAD_OFF if last is not None and last.lead_off else None

    @property
    def live(self) -> tuple[Quantity, ...]:
        """Its own rate."""
        last = self._session.last
        rate = last.heart_rate if last is not None and not last.lead_off else None
        return () if rate is None else (quantity(HEART_RATE, Decimal(rate)),)

    async def prepare(self, visit: Visit) -> None:
        """Subscribe, and set its clock with the first question."""
        await visit.bonded(lambda: visit.link.subscribe(viatom_er1.NOTIFY))
        self._session.set_clock(visit.now().astimezone().replace(tzinfo=None, microsecond=0))

    async def begin(self, visit: Visit) -> None:
        """It is asked all the time."""

    async def ask(self, visit: Visit) -> None:
        """For the samples since the last question."""
        await visit.link.write(viatom_er1.WRITE, self._session.ask(), response=False)

    def received(self, visit: Visit, characteristic: str, data: bytes) -> Burst | None:
        """A part of an answer; the samples when it is whole."""
        answers = self._session.received(data)
        if not answers:
            return None
        visit.panel.charge(answers[-1].battery)
        samples = tuple(sample for answer in answers for sample in answer.samples)
        now, before = asyncio.get_running_loop().time(), self._heard
        self._heard = now
        missed = 0 if before is None else round((now - before) * float(self.rate_hz)) - len(samples)
        return (missed if missed > MISSED_S * float(self.rate_hz) else 0), samples

    async def end(self, visit: Visit) -> None:
        """It is asked on, for its battery and its contact."""


LINKS: Final[dict[str, Callable[[], EcgLink]]] = {"polar-pmd": PolarLink, "viatom-er1": ViatomLink}
"""By `Manners.waveform`."""

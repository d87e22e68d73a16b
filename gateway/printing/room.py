"""The printing room: from `prescription_ready` to a paper in the patient's hand.

The machine prints each prescription at most once by itself (I4): `printing` is committed before the
job is handed to the printer, and whatever is found in `printing` at the next start is ambiguous. From there on
only a person's word moves it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from protocol.prescription import PrescriptionState, PrescriptionView
from protocol.signalling import PrescriptionProgress, PrescriptionReady

from .errors import FetchFailed, NotPrinted, PaperConflict, PaperError, PaperUnsaved, PrintUnknown

log = structlog.get_logger()

T = TypeVar("T")

WANTED_MAXIMUM = 64
"""Announced prescriptions not fetched yet: a day of consultations. What is announced to a full list is dropped with
a line in the log; the relay keeps it and announces it again with its next new session, not before."""

RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Between tries at the relay or at a disk that refuses; the last one repeats."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the verified page says of itself, for the kiosk's list."""

    doctor: str = ""
    drugs: tuple[str, ...] = ()


class Refused(PaperError):
    """The bytes or the signer are not acceptable: it is never printed, and the doctor is told the code."""


class Shelf(Protocol):
    """The durable part, see `gateway.store.prescriptions`. Raises PaperConflict, PaperUnsaved."""

    async def arrived(self, prescription_id: str, encounter_id: str, pdf: bytes, at: datetime, *,
                      doctor: str, drugs: tuple[str, ...]) -> PrescriptionView: ...
    async def refused(self, prescription_id: str, encounter_id: str, code: str, at: datetime) -> PrescriptionView: ...
    async def step(self, prescription_id: str, state: PrescriptionState, at: datetime,
                   code: str | None = None) -> PrescriptionView: ...
    async def get(self, prescription_id: str) -> PrescriptionView | None: ...
    async def in_state(self, state: PrescriptionState) -> tuple[PrescriptionView, ...]: ...
    async def pdf(self, prescription_id: str) -> bytes: ...


class Printer(Protocol):
    """Puts a PDF on paper. Raises NotPrinted when no paper can exist, PrintUnknown when it may."""

    @property
    def problem(self) -> str | None:
        """Code of what is wrong with the printer now."""

    async def put(self, prescription_id: str, pdf: bytes) -> None: ...

    async def withdraw(self, prescription_id: str) -> None:
        """Take back what waits for this prescription and was not printed; nothing is raised."""


Fetch = Callable[[PrescriptionReady], Awaitable[bytes]]
"""The signed bytes from the relay, of the announced hash. Raises FetchFailed, Refused."""

Check = Callable[[PrescriptionReady, bytes], Awaitable[Accepted]]
"""Signature, doctor of the call, encounter. Raises Refused."""


class PrintRoom:
    """One worker fetches and verifies, one prints: one prescription after the other, in the order they came."""

    def __init__(self, shelf: Shelf, printer: Printer, *, fetch: Fetch, check: Check,
                 tell: Callable[[PrescriptionProgress], None], now: Callable[[], datetime],
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._shelf, self._printer = shelf, printer
        self._fetch, self._check, self._tell, self._now, self._sleep = fetch, check, tell, now, sleep
        self._wanted: dict[str, PrescriptionReady] = {}
        self._to_print: deque[str] = deque()
        self._work, self._announced = asyncio.Event(), asyncio.Event()

    @property
    def problem(self) -> str | None:
        """Code of what is wrong with the printer now."""
        return self._printer.problem

    async def ready(self, message: PrescriptionReady) -> None:
        """A prescription waits at the relay. Saying it again is harmless; what is stored says its state again."""
        view = await self._shelf.get(message.prescription_id)
        if view is not None:
            # The relay has not heard how far it is: the outbox brings what it missed; say the last step too.
            last = view.steps[-1]
            self._tell(PrescriptionProgress(prescription_id=view.prescription_id, encounter_id=view.encounter_id,
                                            state=last.state, at=last.at, code=last.code))
            return
        if len(self._wanted) >= WANTED_MAXIMUM and message.prescription_id not in self._wanted:
            log.error("prescription.not_noted", prescription=message.prescription_id)
            return
        self._wanted[message.prescription_id] = message
        self._announced.set()

    async def print_again(self, prescription_id: str) -> None:
        """The nurse asks for paper after a failure they have seen. Raises PaperConflict, PaperUnsaved."""
        view = await self._shelf.get(prescription_id)
        if view is None:
            raise PaperConflict("prescription.unknown")
        if view.state is not PrescriptionState.print_failed:
            raise PaperConflict("prescription.step")
        self._queue(prescription_id)

    async def say_printed(self, prescription_id: str, printed: bool) -> None:
        """A person looked at the tray. Raises PaperConflict, PaperUnsaved."""
        view = await self._shelf.get(prescription_id)
        if view is not None and view.state is not PrescriptionState.print_ambiguous:
            raise PaperConflict("prescription.step")
        state = PrescriptionState.printed if printed else PrescriptionState.print_failed
        await self._shelf.step(prescription_id, state, self._now(), None if printed else "print.not_in_tray")

    async def hand_over(self, prescription_id: str) -> None:
        """The nurse gave the paper to the patient. Raises PaperConflict, PaperUnsaved."""
        await self._shelf.step(prescription_id, PrescriptionState.handed_over, self._now())

    async def run(self) -> None:
        """Settle what a cut left behind, then fetch and print until cancelled."""
        await self._stubbornly(self._settle)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bring_in(), name="printing.fetch")
            tasks.create_task(self._print_all(), name="printing.print")

    async def _settle(self) -> None:
        for view in await self._shelf.in_state(PrescriptionState.printing):
            log.warning("print.ambiguous", prescription=view.prescription_id)
            # A job that still waits must not come out after a person has said that there is no paper.
            await self._printer.withdraw(view.prescription_id)
            await self._shelf.step(view.prescription_id, PrescriptionState.print_ambiguous, self._now(),
                                   "print.restarted")
        for view in await self._shelf.in_state(PrescriptionState.arrived):
            self._queue(view.prescription_id)

    async def _bring_in(self) -> None:
        """Fetch, verify and store what was announced; one that can't come now holds up no other."""
        tries = 0
        while True:
            self._announced.clear()
            before = len(self._wanted)
            for message in tuple(self._wanted.values()):
                await self._try(message)
            if not self._wanted:
                tries = 0
                await self._announced.wait()
                continue
            tries = 0 if len(self._wanted) < before else tries + 1
            await self._sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])

    async def _try(self, message: PrescriptionReady) -> None:
        try:
            await self._fetch_and_store(message)
        except (FetchFailed, PaperUnsaved) as error:
            log.warning("prescription.waits", code=error.code, prescription=message.prescription_id)
            return
        except PaperConflict as conflict:
            log.warning("prescription.conflict", code=conflict.code, prescription=message.prescription_id)
            self._tell(PrescriptionProgress(prescription_id=message.prescription_id,
                                            encounter_id=message.encounter_id, state=PrescriptionState.refused,
                                            at=self._now(), code=conflict.code))
        self._wanted.pop(message.prescription_id, None)

    async def _fetch_and_store(self, message: PrescriptionReady) -> None:
        try:
            pdf = await self._fetch(message)
            accepted = await self._check(message, pdf)
        except Refused as refused:
            log.warning("prescription.refused", code=refused.code, prescription=message.prescription_id)
            await self._shelf.refused(message.prescription_id, message.encounter_id, refused.code, self._now())
            return
        view = await self._shelf.arrived(message.prescription_id, message.encounter_id, pdf, self._now(),
                                         doctor=accepted.doctor, drugs=accepted.drugs)
        if view.state is PrescriptionState.arrived:
            self._queue(message.prescription_id)

    def _queue(self, prescription_id: str) -> None:
        if prescription_id not in self._to_print:
            self._to_print.append(prescription_id)
        self._work.set()

    async def _print_all(self) -> None:
        while True:
            self._work.clear()
            while self._to_print:
                await self._print(self._to_print[0])
                self._to_print.popleft()
            await self._work.wait()

    async def _print(self, prescription_id: str) -> None:
        """One paper. The commit of `printing` stands before the printer sees anything."""
        try:
            pdf = await self._stubbornly(lambda: self._shelf.pdf(prescription_id))
            await self._stubbornly(lambda: self._shelf.step(prescription_id, PrescriptionState.printing, self._now()))
        except PaperConflict as error:
            log.error("print.not_begun", code=error.code, prescription=prescription_id)
            return
        state, code = PrescriptionState.printed, None
        try:
            await self._printer.put(prescription_id, pdf)
        except NotPrinted as error:
            state, code = PrescriptionState.print_failed, error.code
        except PrintUnknown as error:
            state, code = PrescriptionState.print_ambiguous, error.code
        log.info("print.done", prescription=prescription_id, state=state.value, code=code)
        await self._stubbornly(lambda: self._shelf.step(prescription_id, state, self._now(), code))

    async def _stubbornly(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until the disk lets it: nothing else can go first."""
        tries = 0
        while True:
            try:
                return await work()
            except PaperUnsaved as error:
                if tries == 0:
                    log.error("print.unsaved", code=error.code)
                await self._sleep(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1

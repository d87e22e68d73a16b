"""The printing room with a shelf in memory that keeps the protocol's steps, and a printer that obeys a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from gateway.printing.errors import FetchFailed, NotPrinted, PaperConflict, PaperUnsaved, PrintUnknown
from gateway.printing.room import Accepted, PrintRoom, Refused
from protocol.prescription import STEPS, PrescriptionState, PrescriptionStep, PrescriptionView
from protocol.signalling import PrescriptionProgress, PrescriptionReady

NOW = datetime(2026, 1, 1, tzinfo=UTC)
S = PrescriptionState
WAIT = 40.0
"""Seconds for what takes a fraction of one: a busy machine is no failure."""


def announced(name: str = "p1") -> PrescriptionReady:
    return PrescriptionReady(prescription_id=name, encounter_id="e1", sha256="0" * 64)


class MemoryShelf:
    """What a restart finds: states and steps, refused when they do not follow."""

    def __init__(self) -> None:
        self.views: dict[str, PrescriptionView] = {}
        self.failures: list[Exception] = []
        self.moved = asyncio.Event()

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)

    def _enter(self, name: str, encounter_id: str, step: PrescriptionStep) -> PrescriptionView:
        if name not in self.views:
            self.views[name] = PrescriptionView(prescription_id=name, encounter_id=encounter_id, state=step.state,
                                                sha256="0" * 64, steps=(step,))
            self.moved.set()
        return self.views[name]

    async def arrived(self, prescription_id: str, encounter_id: str, pdf: bytes, at: datetime, *,
                      doctor: str, drugs: tuple[str, ...]) -> PrescriptionView:
        self._fail()
        return self._enter(prescription_id, encounter_id, PrescriptionStep(state=S.arrived, at=at))

    async def refused(self, prescription_id: str, encounter_id: str, code: str, at: datetime) -> PrescriptionView:
        if encounter_id != "e1":
            raise PaperConflict("encounter.unknown")
        return self._enter(prescription_id, encounter_id, PrescriptionStep(state=S.refused, at=at, code=code))

    async def step(self, prescription_id: str, state: S, at: datetime, code: str | None = None) -> PrescriptionView:
        self._fail()
        view = self.views.get(prescription_id)
        if view is None:
            raise PaperConflict("prescription.unknown")
        if state not in STEPS[view.state]:
            raise PaperConflict("prescription.step")
        self.views[prescription_id] = PrescriptionView(
            prescription_id=prescription_id, encounter_id=view.encounter_id, state=state, sha256=view.sha256,
            steps=(*view.steps, PrescriptionStep(state=state, at=at, code=code)))
        self.moved.set()
        return self.views[prescription_id]

    async def get(self, prescription_id: str) -> PrescriptionView | None:
        return self.views.get(prescription_id)

    async def in_state(self, state: S) -> tuple[PrescriptionView, ...]:
        return tuple(view for view in self.views.values() if view.state is state)

    async def pdf(self, prescription_id: str) -> bytes:
        return b"%PDF"

    async def until(self, name: str, state: S) -> PrescriptionView:
        async with asyncio.timeout(WAIT):
            while (view := self.views.get(name)) is None or view.state is not state:
                self.moved.clear()
                await self.moved.wait()
        return view

    def states(self, name: str = "p1") -> list[S]:
        return [step.state for step in self.views[name].steps]


class ObedientPrinter:
    """Prints, or does what the test says; remembers what the shelf said at that moment."""

    problem: str | None = None

    def __init__(self, shelf: MemoryShelf) -> None:
        self.shelf = shelf
        self.papers: list[str] = []
        self.seen: list[S] = []
        self.withdrawn: list[str] = []
        self.asked = asyncio.Event()
        self.outcomes: list[Exception | asyncio.Event] = []

    async def withdraw(self, prescription_id: str) -> None:
        self.withdrawn.append(prescription_id)

    async def put(self, prescription_id: str, pdf: bytes) -> None:
        self.seen.append(self.shelf.views[prescription_id].state)
        self.asked.set()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if isinstance(outcome, asyncio.Event):
            await outcome.wait()
        elif outcome is not None:
            raise outcome
        self.papers.append(prescription_id)


class Bench:
    """A room with its neighbours."""

    def __init__(self) -> None:
        self.shelf = MemoryShelf()
        self.printer = ObedientPrinter(self.shelf)
        self.told: list[PrescriptionProgress] = []
        self.heard = asyncio.Event()
        self.fetched: list[str] = []
        self.fetch_failures: list[Exception] = []
        self.check_failures: list[Exception] = []
        self.slept: list[float] = []
        self.room = self.new_room()

    def new_room(self) -> PrintRoom:
        return PrintRoom(self.shelf, self.printer, fetch=self._fetch, check=self._check, tell=self._tell,
                         now=lambda: NOW, sleep=self._sleep)

    def _tell(self, progress: PrescriptionProgress) -> None:
        self.told.append(progress)
        self.heard.set()

    async def _fetch(self, message: PrescriptionReady) -> bytes:
        self.fetched.append(message.prescription_id)
        if self.fetch_failures:
            raise self.fetch_failures.pop(0)
        return b"%PDF"

    async def _check(self, message: PrescriptionReady, pdf: bytes) -> Accepted:
        if self.check_failures:
            raise self.check_failures.pop(0)
        return Accepted("Dr", ("x",))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PrintRoom]:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self.room.run())
            try:
                yield self.room
            finally:
                task.cancel()


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_a_prescription_is_fetched_verified_and_printed_once(bench: Bench) -> None:
    """However often it is announced, one paper comes out, and `printing` was committed before the printer saw it."""
    async with bench.running() as room:
        for _ in range(3):
            await room.ready(announced())
        await bench.shelf.until("p1", S.printed)
        await room.ready(announced())
    assert bench.printer.papers == ["p1"]
    assert bench.printer.seen == [S.printing]
    assert bench.shelf.states() == [S.arrived, S.printing, S.printed]
    assert [progress.state for progress in bench.told] == [S.printed]


async def test_a_cut_while_printing_is_ambiguous_and_never_prints_by_itself(bench: Bench) -> None:
    """I4: after a restart in `printing` a person is asked; "no" leads to print_failed and to paper on their word."""
    never = asyncio.Event()
    bench.printer.outcomes = [never]
    async with bench.running() as room:
        await room.ready(announced())
        await bench.shelf.until("p1", S.printing)
        await asyncio.wait_for(bench.printer.asked.wait(), WAIT)
    bench.room = bench.new_room()
    async with bench.running() as room:
        view = await bench.shelf.until("p1", S.print_ambiguous)
        assert view.steps[-1].code == "print.restarted"
        assert bench.printer.withdrawn == ["p1"]
        await room.ready(announced())
        with pytest.raises(PaperConflict, match=r"prescription\.step"):
            await room.print_again("p1")
        assert bench.printer.papers == []
        await room.say_printed("p1", False)
        await room.print_again("p1")
        await bench.shelf.until("p1", S.printed)
        await room.hand_over("p1")
    assert bench.printer.papers == ["p1"]
    assert bench.shelf.states()[-4:] == [S.print_failed, S.printing, S.printed, S.handed_over]


async def test_a_restart_before_printing_prints_what_arrived(bench: Bench) -> None:
    """`arrived` without `printing` has seen no printer: it is printed at the next start."""
    await bench.shelf.arrived("p1", "e1", b"", NOW, doctor="", drugs=())
    async with bench.running():
        await bench.shelf.until("p1", S.printed)
    assert bench.printer.papers == ["p1"]


@pytest.mark.parametrize(("outcome", "state"), [(NotPrinted("printer.no_cups"), S.print_failed),
                                                (PrintUnknown("print.no_answer"), S.print_ambiguous)])
async def test_the_printers_failure_is_failed_or_ambiguous_by_what_is_known(bench: Bench, outcome: Exception,
                                                                            state: S) -> None:
    """A job that never left us has failed; one that may lie in the tray goes to a person. Neither is retried."""
    bench.printer.outcomes = [outcome]
    async with bench.running() as room:
        await room.ready(announced())
        view = await bench.shelf.until("p1", state)
    assert view.steps[-1].code == str(outcome)
    assert bench.printer.papers == []


async def test_what_does_not_hold_is_never_printed_and_the_doctor_is_told(bench: Bench) -> None:
    """A refused signature is stored with its code; a page for no encounter of ours is told without a row."""
    bench.check_failures = [Refused("prescription.signer"), Refused("encounter.unknown")]
    async with bench.running() as room:
        await room.ready(announced())
        assert (await bench.shelf.until("p1", S.refused)).steps[-1].code == "prescription.signer"
        await room.ready(PrescriptionReady(prescription_id="p2", encounter_id="other", sha256="0" * 64))
        await asyncio.wait_for(bench.heard.wait(), WAIT)
    assert bench.printer.papers == []
    assert (bench.told[0].prescription_id, bench.told[0].state, bench.told[0].code) == (
        "p2", S.refused, "encounter.unknown")


async def test_one_that_can_not_be_fetched_holds_up_no_other(bench: Bench) -> None:
    """A relay that is away is asked again later and later; the others are printed meanwhile."""
    bench.fetch_failures = [FetchFailed("relay.unreachable")]
    async with bench.running() as room:
        await room.ready(announced("p1"))
        await room.ready(announced("p2"))
        await bench.shelf.until("p2", S.printed)
        await bench.shelf.until("p1", S.printed)
    assert bench.printer.papers == ["p2", "p1"]
    assert bench.slept


async def test_a_full_disk_prints_nothing_until_it_is_saved(bench: Bench) -> None:
    """No paper leaves before its step is on disk, and none is lost for a disk that was full for a while."""
    async with bench.running() as room:
        bench.shelf.failures = [PaperUnsaved("store.full")] * 3
        await room.ready(announced())
        await bench.shelf.until("p1", S.printed)
    assert bench.printer.papers == ["p1"]
    assert bench.printer.seen == [S.printing]


async def test_people_can_not_skip_steps(bench: Bench) -> None:
    """Handing over, printing again and saying "printed" are refused where they do not follow."""
    await bench.shelf.refused("p1", "e1", "prescription.altered", NOW)
    asked: list[Callable[[], object]] = [
        lambda: bench.room.hand_over("p1"), lambda: bench.room.print_again("p1"),
        lambda: bench.room.say_printed("p1", True)]
    for ask in asked:
        with pytest.raises(PaperConflict, match=r"prescription\.step"):
            await ask()  # type: ignore[misc]
    with pytest.raises(PaperConflict, match=r"prescription\.unknown"):
        await bench.room.print_again("p9")

"""Printers: a folder, a scripted scheduler on a real local socket, and a real cupsd where there is one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from gateway.printing.cups import CupsPrinter, printer_problem
from gateway.printing.errors import NotPrinted, PrintUnknown
from gateway.printing.folder import FolderPrinter
from gateway.printing.ipp import JobState, Operation, answer

VECTORS = Path(__file__).parents[1] / "vectors" / "ipp"
WAIT = 40.0


def vector(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / f"{name}.json").read_text())["hex"])


def response(status: int = 0, **attributes: int | str) -> bytes:
    """A response by the layout of RFC 8010, made here: a decoder is not tested against our encoder."""
    parts = [struct.pack(">HHI", 0x0200, status, 1), b"\x02"]
    for key, value in attributes.items():
        name = key.replace("_", "-").encode()
        tag, raw = (0x23, struct.pack(">i", value)) if isinstance(value, int) else (0x44, value.encode())
        parts.append(struct.pack(">BH", tag, len(name)) + name + struct.pack(">H", len(raw)) + raw)
    return b"".join(parts) + b"\x03"


class Scheduler:
    """Answers by operation; the last answer of an operation repeats."""

    def __init__(self) -> None:
        self.answers: dict[Operation, list[bytes]] = {
            Operation.print_job: [vector("print_job_taken")], Operation.get_job_attributes: [vector("job_completed")],
            Operation.get_printer_attributes: [vector("queue_paused")], Operation.get_jobs: [response()],
            Operation.cancel_job: [response()]}
        self.asked: list[Operation] = []
        self.bodies: list[bytes] = []
        self.status = 200

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        operation = Operation(struct.unpack_from(">H", body, 2)[0])
        self.asked.append(operation)
        self.bodies.append(body)
        left = self.answers[operation]
        said = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(body=said, content_type="application/ipp", status=self.status)


@asynccontextmanager
async def scheduling(directory: Path) -> AsyncIterator[tuple[Scheduler, CupsPrinter]]:
    scheduler = Scheduler()
    app = web.Application()
    app.router.add_post("/printers/office", scheduler.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    path = directory / "cups.sock"
    await web.UnixSite(runner, str(path)).start()
    try:
        yield scheduler, CupsPrinter("office", path, no_sleep)
    finally:
        await runner.cleanup()


async def no_sleep(seconds: float) -> None:
    """Polls follow at once."""


async def test_a_job_that_completed_is_printed(tmp_path: Path) -> None:
    """The page goes in whole, once, under a title without a name, and is done when its state says so."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_job_attributes] = [vector("job_pending"), vector("job_completed")]
        await printer.put("p1", b"%PDF-1.7 page")
    assert scheduler.asked.count(Operation.print_job) == 1
    page = scheduler.bodies[scheduler.asked.index(Operation.print_job)]
    assert page.endswith(b"\x03%PDF-1.7 page")
    assert b"passerelle p1" in page
    assert printer.problem is None


async def test_a_printer_without_paper_says_so_and_its_job_does_not_come_out_later(tmp_path: Path) -> None:
    """I4: at the deadline the job is withdrawn before a person is asked what lies in the tray."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_job_attributes] = [vector("job_pending")]
        scheduler.answers[Operation.get_printer_attributes] = [
            response(printer_state=4, printer_state_reasons="media-empty-error")]
        scheduler.answers[Operation.get_jobs] = [response(), vector("jobs_waiting")]
        with pytest.raises(PrintUnknown, match=r"printer\.paper"):
            await printer.put("p1", b"%PDF")
        assert printer.problem == "printer.paper"
    assert scheduler.asked[-2:] == [Operation.get_jobs, Operation.cancel_job]


@pytest.mark.parametrize(("name", "code"), [("job_canceled", "print.canceled"), (JobState.aborted, "print.aborted")])
async def test_a_cancelled_job_is_for_a_person_to_judge(tmp_path: Path, name: str | int, code: str) -> None:
    """A page may have come out before the job ended: the machine does not decide."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_job_attributes] = [
            vector(name) if isinstance(name, str) else response(job_state=int(name))]
        with pytest.raises(PrintUnknown, match=code.replace(".", r"\.")):
            await printer.put("p1", b"%PDF")


@pytest.mark.parametrize(("taken", "error", "code"), [
    (vector("print_job_unknown_queue"), NotPrinted, "printer.unknown"),
    (response(0x0506), NotPrinted, "printer.refused"), (b"what", PrintUnknown, "print.no_answer"),
    (response(), PrintUnknown, "print.no_answer")])
async def test_a_job_that_was_refused_failed_and_one_in_doubt_is_ambiguous(
        tmp_path: Path, taken: bytes, error: type[Exception], code: str) -> None:
    """Refused by the scheduler no paper can exist; without a clear answer one may."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.print_job] = [taken]
        with pytest.raises(error, match=code.replace(".", r"\.")):
            await printer.put("p1", b"%PDF")


async def test_a_job_in_doubt_is_withdrawn_at_once(tmp_path: Path) -> None:
    """I4: the scheduler took the page and its answer was lost; it must not come out after a person has looked."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.print_job] = [b"what"]
        scheduler.answers[Operation.get_jobs] = [response(), vector("jobs_waiting")]
        with pytest.raises(PrintUnknown, match=r"print\.no_answer"):
            await printer.put("p1", b"%PDF")
    assert scheduler.asked == [Operation.get_jobs, Operation.print_job, Operation.get_jobs, Operation.cancel_job]


async def test_an_earlier_job_that_waits_goes_before_the_new_one(tmp_path: Path) -> None:
    """I4: what still waits of the same prescription is cancelled first, then one page goes in."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_jobs] = [response(job_name="passerelle p1", job_id=3, job_state=3)]
        await printer.put("p1", b"%PDF")
        assert scheduler.asked[:3] == [Operation.get_jobs, Operation.cancel_job, Operation.print_job]


@pytest.mark.parametrize(("job_state", "cancelled"), [(5, response()), (3, vector("cancel_again")), (3, b"what")])
async def test_an_earlier_job_that_may_come_out_is_for_a_person_to_judge(
        tmp_path: Path, job_state: int, cancelled: bytes) -> None:
    """I4: begun, ended meanwhile or not cancelled for sure: no second page goes in beside it."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_jobs] = [response(job_name="passerelle p1", job_id=3, job_state=job_state)]
        scheduler.answers[Operation.cancel_job] = [cancelled]
        with pytest.raises(PrintUnknown, match=r"print\.no_answer"):
            await printer.put("p1", b"%PDF")
    assert Operation.print_job not in scheduler.asked


@pytest.mark.parametrize("listed", [b"what", response(0x0500)])
async def test_a_queue_that_can_not_be_listed_gets_no_page(tmp_path: Path, listed: bytes) -> None:
    """I4: an earlier job may wait unseen, so the page is not handed over."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_jobs] = [listed]
        with pytest.raises(NotPrinted, match=r"printer\.no_cups"):
            await printer.put("p1", b"%PDF")
        assert printer.problem == "printer.no_cups"
    assert scheduler.asked == [Operation.get_jobs]


async def test_without_a_scheduler_nothing_was_printed(tmp_path: Path) -> None:
    """No socket, no CUPS, no paper: failed, with a code that says what is missing."""
    printer = CupsPrinter("office", tmp_path / "none", no_sleep)
    with pytest.raises(NotPrinted, match=r"printer\.no_cups"):
        await printer.put("p1", b"%PDF")
    assert printer.problem == "printer.no_cups"
    await printer.withdraw("p1")


async def test_only_jobs_of_the_prescription_are_withdrawn(tmp_path: Path) -> None:
    """Another prescription's job, or another program's, stays in the queue."""
    async with scheduling(tmp_path) as (scheduler, printer):
        scheduler.answers[Operation.get_jobs] = [vector("jobs_waiting")]
        await printer.withdraw("p2")
        assert Operation.cancel_job not in scheduler.asked
        await printer.withdraw("p1")
        assert scheduler.asked[-1] is Operation.cancel_job
        assert b"\x21\x00\x06job-id\x00\x04\x00\x00\x00\x03" in scheduler.bodies[-1]


@pytest.mark.parametrize(("reasons", "state", "code"), [
    ("media-jam-error", 4, "printer.jam"), ("cover-open-error", 3, "printer.door"), ("none", 3, None),
    ("none", 5, "printer.failed"), ("offline-report", 3, "printer.absent"), ("spool-area-full-error", 3,
                                                                             "printer.failed")])
def test_what_is_wrong_with_the_queue_has_a_code(reasons: str, state: int, code: str | None) -> None:
    """Reasons of RFC 8011 become the codes of the kiosk."""
    assert printer_problem(answer(response(printer_state=state, printer_state_reasons=reasons))) == code


async def test_the_folder_printer_writes_the_page_whole(tmp_path: Path) -> None:
    """One readable file named by the prescription, nothing half-written beside it."""
    await FolderPrinter(tmp_path / "tray").put("p1", b"%PDF-1.7")
    assert [path.name for path in (tmp_path / "tray").iterdir()] == ["p1.pdf"]
    assert (tmp_path / "tray" / "p1.pdf").read_bytes() == b"%PDF-1.7"
    assert stat.S_IMODE((tmp_path / "tray" / "p1.pdf").stat().st_mode) == 0o644


async def test_a_folder_that_can_not_be_written_is_a_printer_that_failed(tmp_path: Path) -> None:
    """No paper exists, the code says why, and a page that goes through clears it."""
    (tmp_path / "tray").write_text("a file, not a folder")
    printer = FolderPrinter(tmp_path / "tray")
    with pytest.raises(NotPrinted, match=r"printer\.folder"):
        await printer.put("p1", b"%PDF")
    assert printer.problem == "printer.folder"
    (tmp_path / "tray").unlink()
    await printer.put("p1", b"%PDF")
    assert printer.problem is None


@pytest.fixture
async def cupsd(tmp_path: Path) -> AsyncIterator[Path]:
    """A real scheduler of its own: queue `works` swallows pages, queue `paused` keeps them. Its socket."""
    if shutil.which("cupsd", path=f"{os.environ['PATH']}:/usr/sbin") is None or shutil.which("lpadmin") is None:
        pytest.skip("CUPS is not installed here")
    if os.getuid() != 0:
        pytest.skip("a scheduler of its own needs root")
    # Unix socket paths end at 107 characters.
    home = tmp_path / "c"
    for folder in ("root", "state", "cache", "spool", "tmp"):
        (home / folder).mkdir(parents=True)
    (home / "files.conf").write_text("".join(f"{key} {home / value}\n" for key, value in (
        ("ServerRoot", "root"), ("StateDir", "state"), ("CacheDir", "cache"), ("RequestRoot", "spool"),
        ("TempDir", "tmp"), ("AccessLog", "access"), ("ErrorLog", "error"), ("PageLog", "page")))
        + "FileDevice Yes\nSystemGroup root\n")
    (home / "cupsd.conf").write_text(f"Listen {home / 'sock'}\nBrowsing Off\n<Location />\nOrder allow,deny\n"
                                     "Allow all\n</Location>\n<Policy default>\n<Limit All>\nOrder deny,allow\n"
                                     "</Limit>\n</Policy>\n")
    process = await asyncio.create_subprocess_exec(
        shutil.which("cupsd", path=f"{os.environ['PATH']}:/usr/sbin") or "", "-f", "-c", str(home / "cupsd.conf"),
        "-s", str(home / "files.conf"), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        for name, *more in (("works", "-E"), ("paused",)):
            await _administer(home, "lpadmin", "-p", name, *more, "-v", "file:///dev/null", "-m", "raw")
        await _administer(home, "cupsaccept", "paused")
        yield home / "sock"
    finally:
        process.terminate()
        await process.wait()


async def _administer(home: Path, command: str, *arguments: str) -> None:
    """Run it until the scheduler listens."""
    async with asyncio.timeout(WAIT):
        while True:
            done = await asyncio.create_subprocess_exec(
                command, "-h", str(home / "sock"), *arguments, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL)
            if await done.wait() == 0:
                return


@pytest.mark.root
async def test_a_real_scheduler_prints_refuses_and_gives_back(cupsd: Path) -> None:
    """A page is printed; an unknown queue is refused; a paused one is named and its job can be withdrawn."""
    await asyncio.wait_for(CupsPrinter("works", cupsd).put("p1", b"%PDF-1.7"), WAIT)
    with pytest.raises(NotPrinted, match=r"printer\.unknown"):
        await CupsPrinter("nowhere", cupsd).put("p1", b"%PDF-1.7")

    polls = 0

    async def impatient(seconds: float) -> None:
        nonlocal polls
        polls += 1

    paused = CupsPrinter("paused", cupsd, impatient)
    with pytest.raises(PrintUnknown, match=r"printer\.failed"):
        await paused.put("p2", b"%PDF-1.7")
    assert polls > 1
    listing = await asyncio.create_subprocess_exec("lpstat", "-h", str(cupsd), "-W", "not-completed", "-o",
                                                   stdout=asyncio.subprocess.PIPE)
    out, _ = await listing.communicate()
    assert out == b""

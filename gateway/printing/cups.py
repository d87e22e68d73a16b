"""A CUPS queue, through its own commands: `lp` hands the page over, `lpstat` says what became of it.

`lp` answers `request id is QUEUE-NUMBER (1 file(s))` (lp(1)). `lpstat -l -W completed` lists a finished job with an
`Alerts:` line of `job-state-reasons` (RFC 8011, section 5.3.8).
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from .errors import NotPrinted, PrintUnknown

COMMAND_SECONDS = 20.0
"""The scheduler answers in milliseconds; a network queue that is looked up may take seconds."""
POLL_SECONDS = 1.0
"""A page takes 3 to 10 s on paper."""
JOB_SECONDS = 600.0
"""A printer without paper is refilled within this, or a person is asked what lies in the tray."""
OUTPUT_BYTES = 256 * 1024
"""What `lpstat` says of a queue with hundreds of old jobs."""

_REQUEST = re.compile(r"request id is (\S+-\d+)")

_PRINTER_REASONS = (("media-empty", "printer.paper"), ("media-needed", "printer.paper"), ("media-jam", "printer.jam"),
                    ("door-open", "printer.door"), ("cover-open", "printer.door"), ("toner-empty", "printer.toner"),
                    ("marker-supply-empty", "printer.toner"), ("offline", "printer.absent"),
                    ("connecting-to-device", "printer.absent"), ("shutdown", "printer.absent"),
                    ("paused", "printer.failed"), ("-error", "printer.failed"))
"""`printer-state-reasons` (RFC 8011, section 5.4.12) as `lpstat -l -p` shows them, first fit wins."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said."""

    status: int
    text: str


Command = Callable[[Sequence[str], bytes], Awaitable[Answer]]
"""Runs one of CUPS's commands with bytes on its standard input. Raises FileNotFoundError, TimeoutError, OSError."""


async def run_command(arguments: Sequence[str], data: bytes) -> Answer:
    """Run it for real; its words come in the C locale."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env=_environment())
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, _ = await process.communicate(data)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    return Answer(process.returncode or 0, out[:OUTPUT_BYTES].decode("utf-8", "replace"))


class CupsPrinter:
    """One queue."""

    def __init__(self, queue: str, command: Command = run_command,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._queue, self._command, self._sleep = queue, command, sleep
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What CUPS said of the queue while the last page was printed."""
        return self._problem

    async def put(self, prescription_id: str, pdf: bytes) -> None:
        """Print one page; returns when CUPS says the job is completed. Raises NotPrinted, PrintUnknown."""
        job = await self._hand_over(prescription_id, pdf)
        polls = int(JOB_SECONDS / POLL_SECONDS)
        for _ in range(polls):
            if await self._completed(job):
                self._problem = None
                return
            await self._sleep(POLL_SECONDS)
        raise PrintUnknown(self._problem or "print.no_answer")

    async def _hand_over(self, prescription_id: str, pdf: bytes) -> str:
        # The title is seen in the queue's list and on some banners: no name of a patient in it.
        arguments = ("lp", "-d", self._queue, "-n", "1", "-t", f"passerelle {prescription_id}", "-")
        try:
            answer = await self._command(arguments, pdf)
        except FileNotFoundError as error:
            self._problem = "printer.no_cups"
            raise NotPrinted("printer.no_cups") from error
        except TimeoutError as error:
            raise PrintUnknown("print.no_answer") from error
        except OSError as error:
            self._problem = "printer.failed"
            raise NotPrinted("printer.failed") from error
        if answer.status != 0:
            self._problem = "printer.unknown" if "does not exist" in answer.text else "printer.refused"
            raise NotPrinted(self._problem)
        request = _REQUEST.search(answer.text)
        if request is None:
            raise PrintUnknown("print.no_answer")
        return request[1]

    async def _completed(self, job: str) -> bool:
        try:
            done = await self._command(("lpstat", "-l", "-W", "completed", "-o", self._queue), b"")
            reasons = job_reasons(done.text, job)
            if reasons is None:
                printer = await self._command(("lpstat", "-l", "-p", self._queue), b"")
                self._problem = printer_problem(printer.text)
                return False
        except (TimeoutError, OSError):
            return False
        if "completed-successfully" in reasons:
            return True
        # A page may have come out before a job was cancelled or aborted.
        raise PrintUnknown("print.canceled" if "canceled" in reasons else "print.aborted")


def job_reasons(listing: str, job: str) -> str | None:
    """The `Alerts:` of a job in a long listing; None when the job is not in it."""
    lines = iter(listing.splitlines())
    for line in lines:
        if line.split(" ", 1)[0] == job:
            for detail in lines:
                if not detail.startswith(("\t", " ")):
                    break
                name, _, value = detail.strip().partition(":")
                if name == "Alerts":
                    return value.strip()
            return ""
    return None


def printer_problem(listing: str) -> str | None:
    """The code of what `lpstat -l -p` says is wrong with the queue."""
    alerts = " ".join(line.strip().removeprefix("Alerts:") for line in listing.splitlines()
                      if line.strip().startswith("Alerts:"))
    code = next((code for reason, code in _PRINTER_REASONS if reason in alerts), None)
    if code is None and listing.partition("\n")[0].find(" disabled ") >= 0:
        return "printer.failed"
    return code


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "LANG": "C"}

"""A CUPS queue over IPP (RFC 8011) on the scheduler's local socket. The only caller of the print system.

Not `lp` and `lpstat`: for a finished job lpstat (CUPS 2.4.2) shows the same words whether it was printed,
cancelled or aborted; `job-state` tells them apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp

from .errors import NotPrinted, PrintUnknown
from .ipp import Answer, Attribute, IppError, JobState, Operation, Status, Tag, answer, integer, request, words

SOCKET = Path("/run/cups/cups.sock")
ANSWER_SECONDS = 20.0
"""The scheduler answers in milliseconds; a queue that is looked up on the network may take seconds."""
POLL_SECONDS = 1.0
"""A page takes 3 to 10 s on paper."""
JOB_SECONDS = 600.0
"""A printer without paper is refilled within this; then the job is withdrawn and a person looks at the tray."""
ANSWER_BYTES = 256 * 1024
"""The attributes of a hundred jobs."""
USER = "passerelle"
PRINTER_STOPPED = 5
"""`printer-state` (RFC 8011, section 5.4.11)."""

_TROUBLE = (aiohttp.ClientError, OSError, TimeoutError, IppError)
"""The scheduler gave no answer, or one that is not IPP."""

_PRINTER_REASONS = (("media-empty", "printer.paper"), ("media-needed", "printer.paper"), ("media-jam", "printer.jam"),
                    ("door-open", "printer.door"), ("cover-open", "printer.door"), ("toner-empty", "printer.toner"),
                    ("marker-supply-empty", "printer.toner"), ("offline", "printer.absent"),
                    ("connecting-to-device", "printer.absent"), ("shutdown", "printer.absent"),
                    ("paused", "printer.failed"), ("-error", "printer.failed"))
"""`printer-state-reasons` (RFC 8011, section 5.4.12) and what the nurse reads; the first fit wins."""


class CupsPrinter:
    """One queue."""

    def __init__(self, queue: str, scheduler: Path = SOCKET,
                 sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._queue, self._scheduler, self._sleep = queue, scheduler, sleep
        self._printer = words(Tag.uri, "printer-uri", f"ipp://localhost/printers/{queue}")
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """What was wrong with the queue when the last page was printed."""
        return self._problem

    async def put(self, prescription_id: str, pdf: bytes) -> None:
        """Print one page; returns when CUPS says the job is completed. Raises NotPrinted, PrintUnknown."""
        await self._clear(prescription_id)
        try:
            job = await self._hand_over(prescription_id, pdf)
        except PrintUnknown:
            # What the scheduler may have taken must not come out after a person has looked (I4).
            await self.withdraw(prescription_id)
            raise
        for _ in range(int(JOB_SECONDS / POLL_SECONDS)):
            if await self._completed(job):
                self._problem = None
                return
            await self._sleep(POLL_SECONDS)
        # It must not come out later, beside the one a person then asks for (I4).
        await self.withdraw(prescription_id)
        raise PrintUnknown(self._problem or "print.no_answer")

    async def withdraw(self, prescription_id: str) -> None:
        """Cancel what still waits in the queue for this prescription, from this run or an earlier one."""
        try:
            for job, _ in await self._waiting(prescription_id):
                await self._ask(Operation.cancel_job, job_id=job)
        except _TROUBLE:
            # Nothing can be withdrawn from a scheduler that does not answer; `put` looks again before it prints.
            return

    async def _clear(self, prescription_id: str) -> None:
        """No earlier job of this prescription may come out beside the new one (I4). Raises NotPrinted, PrintUnknown."""
        try:
            waiting = await self._waiting(prescription_id)
        except _TROUBLE as error:
            self._problem = "printer.no_cups"
            raise NotPrinted("printer.no_cups") from error
        doubtful = False
        for job, state in waiting:
            try:
                cancelled = (await self._ask(Operation.cancel_job, job_id=job)).done
            except _TROUBLE as error:
                raise PrintUnknown("print.no_answer") from error
            # One that had begun, or ended before we came, may lie in the tray.
            doubtful = doubtful or not cancelled or state not in (JobState.pending, JobState.held)
        if doubtful:
            raise PrintUnknown("print.no_answer")

    async def _waiting(self, prescription_id: str) -> tuple[tuple[int, object], ...]:
        """Number and `job-state` of this prescription's jobs that are not over. Raises one of `_TROUBLE`."""
        waiting = await self._ask(Operation.get_jobs, words(Tag.keyword, "which-jobs", "not-completed"),
                                  words(Tag.keyword, "requested-attributes", "job-id", "job-name", "job-state"))
        if not waiting.done and waiting.status != Status.not_found:
            raise IppError(f"status {waiting.status:#06x}")
        ours = [group for group in waiting.groups if group.get("job-name") == (_title(prescription_id),)]
        return tuple((job, group.get("job-state", (None,))[0]) for group in ours
                     for job in group.get("job-id", ()) if isinstance(job, int))

    async def _hand_over(self, prescription_id: str, pdf: bytes) -> int:
        try:
            # The title is seen in the queue's list and on some displays: no name of a patient in it.
            taken = await self._ask(
                Operation.print_job, words(Tag.name_without_language, "job-name", _title(prescription_id)),
                words(Tag.mime_type, "document-format", "application/pdf"), job=(integer("copies", 1),), document=pdf)
        except (aiohttp.ClientConnectorError, FileNotFoundError, ConnectionRefusedError) as error:
            self._problem = "printer.no_cups"
            raise NotPrinted("printer.no_cups") from error
        except _TROUBLE as error:
            raise PrintUnknown("print.no_answer") from error
        if not taken.done:
            self._problem = "printer.unknown" if taken.status == Status.not_found else "printer.refused"
            raise NotPrinted(self._problem)
        job = taken.number("job-id")
        if job is None:
            raise PrintUnknown("print.no_answer")
        return job

    async def _completed(self, job: int) -> bool:
        try:
            found = await self._ask(Operation.get_job_attributes, words(
                Tag.keyword, "requested-attributes", "job-state"), job_id=job)
            state = found.number("job-state")
            if found.status == Status.not_found:
                raise PrintUnknown("print.no_answer")
            if state not in (JobState.completed, JobState.canceled, JobState.aborted):
                queue = await self._ask(Operation.get_printer_attributes, words(
                    Tag.keyword, "requested-attributes", "printer-state", "printer-state-reasons"))
                self._problem = printer_problem(queue)
                return False
        except _TROUBLE:
            # A scheduler that restarts keeps its jobs: ask again.
            return False
        if state == JobState.completed:
            return True
        # A page may have come out before a job was cancelled or aborted.
        raise PrintUnknown("print.canceled" if state == JobState.canceled else "print.aborted")

    async def _ask(self, operation: Operation, *attributes: Attribute, job_id: int | None = None,
                   job: tuple[Attribute, ...] = (), document: bytes = b"") -> Answer:
        # RFC 8011, section 4.1.5: what the operation is about comes right behind charset and language.
        target = () if job_id is None else (integer("job-id", job_id),)
        who = words(Tag.name_without_language, "requesting-user-name", USER)
        body = request(operation, (self._printer, *target, who, *attributes), job=job, document=document)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._scheduler)),
                                         timeout=timeout) as http:
            path = f"http://localhost/printers/{self._queue}"
            async with http.post(path, data=body, headers={"Content-Type": "application/ipp"}) as response:
                if response.status != 200:
                    raise IppError(f"HTTP {response.status}")
                said = b""
                while len(said) <= ANSWER_BYTES and (part := await response.content.read(ANSWER_BYTES)):
                    said += part
                return answer(said)


def printer_problem(queue: Answer) -> str | None:
    """The code of what the queue says is wrong with its printer."""
    reasons = " ".join(str(reason) for reason in queue.values("printer-state-reasons"))
    stopped = "printer.failed" if queue.number("printer-state") == PRINTER_STOPPED else None
    return next((code for reason, code in _PRINTER_REASONS if reason in reasons), stopped)


def _title(prescription_id: str) -> str:
    return f"passerelle {prescription_id}"

"""The CUPS printer with scripted commands, the folder printer on a real folder.

The listings follow lpstat(1) of CUPS 2.4 and the keywords of RFC 8011.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.printing import cups
from gateway.printing.cups import Answer, CupsPrinter
from gateway.printing.errors import NotPrinted, PrintUnknown
from gateway.printing.folder import FolderPrinter

DONE = """office-41               nurse             1024   Sat 21 Nov 2026 09:00:00 AM UTC
\tStatus:
\tAlerts: job-canceled-by-user
\tqueued for office
office-42               nurse            60416   Sat 21 Nov 2026 09:01:00 AM UTC
\tStatus:
\tAlerts: {reasons}
\tqueued for office
"""
EMPTY = """printer office now printing office-42.  enabled since Sat 21 Nov 2026 09:01:00 AM UTC
\tForm mounted:
\tContent types: any
\tAlerts: media-empty-error
"""


class Script:
    """Answers of the commands, in order; an exception is raised."""

    def __init__(self, *answers: Answer | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[Sequence[str]] = []
        self.data = b""

    async def __call__(self, arguments: Sequence[str], data: bytes) -> Answer:
        self.asked.append(arguments)
        self.data = data or self.data
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


async def no_sleep(seconds: float) -> None:
    """Polls follow at once."""


ACCEPTED = Answer(0, "request id is office-42 (1 file(s))\n")


async def test_a_job_that_completed_is_printed() -> None:
    """The page goes in on standard input, under a title without a name, and is done when CUPS says so."""
    script = Script(ACCEPTED, Answer(0, ""), Answer(0, EMPTY), Answer(0, DONE.format(
        reasons="job-completed-successfully")))
    printer = CupsPrinter("office", script, no_sleep)
    await printer.put("p1", b"%PDF")
    assert script.data == b"%PDF"
    assert script.asked[0] == ("lp", "-d", "office", "-n", "1", "-t", "passerelle p1", "-")
    assert printer.problem is None


async def test_a_printer_without_paper_says_so_while_the_job_waits() -> None:
    """The nurse reads what is wrong, and after the deadline a person is asked what lies in the tray."""
    script = Script(ACCEPTED, Answer(0, ""), Answer(0, EMPTY))
    printer = CupsPrinter("office", script, no_sleep)
    with pytest.raises(PrintUnknown, match=r"printer\.paper"):
        await printer.put("p1", b"%PDF")
    assert printer.problem == "printer.paper"


@pytest.mark.parametrize(("answer", "error", "code"), [
    (FileNotFoundError(), NotPrinted, "printer.no_cups"),
    (Answer(1, "lp: The printer or class does not exist."), NotPrinted, "printer.unknown"),
    (Answer(1, "lp: Destination \"office\" is not accepting jobs."), NotPrinted, "printer.refused"),
    (TimeoutError(), PrintUnknown, "print.no_answer"),
    (Answer(0, "something else"), PrintUnknown, "print.no_answer")])
async def test_a_job_that_was_not_taken_failed_and_one_in_doubt_is_ambiguous(
        answer: Answer | BaseException, error: type[Exception], code: str) -> None:
    """Without `lp`, or refused by it, no paper can exist; without a clear answer one may."""
    with pytest.raises(error, match=code.replace(".", r"\.")):
        await CupsPrinter("office", Script(answer), no_sleep).put("p1", b"%PDF")


@pytest.mark.parametrize(("reasons", "code"), [("job-canceled-at-device", "print.canceled"),
                                               ("aborted-by-system", "print.aborted")])
async def test_a_cancelled_job_is_for_a_person_to_judge(reasons: str, code: str) -> None:
    """A page may have come out before the job ended: the machine does not decide."""
    script = Script(ACCEPTED, Answer(0, DONE.format(reasons=reasons)))
    with pytest.raises(PrintUnknown, match=code.replace(".", r"\.")):
        await CupsPrinter("office", script, no_sleep).put("p1", b"%PDF")


def test_only_the_job_itself_is_read_in_a_listing() -> None:
    """A job of another number, even a longer one that begins alike, is not ours."""
    assert cups.job_reasons(DONE.format(reasons="x"), "office-4") is None
    assert cups.job_reasons(DONE.format(reasons="x"), "office-41") == "job-canceled-by-user"
    assert cups.job_reasons("office-42 nurse 1 date\n", "office-42") == ""


@pytest.mark.parametrize(("listing", "code"), [
    (EMPTY, "printer.paper"), (EMPTY.replace("media-empty-error", "cover-open-error"), "printer.door"),
    (EMPTY.replace("media-empty-error", "none"), None), ("", None),
    ("printer office disabled since Sat 21 Nov 2026 -\n\treason unknown\n", "printer.failed")])
def test_what_is_wrong_with_the_queue_has_a_code(listing: str, code: str | None) -> None:
    """Reasons of RFC 8011 become the codes of the kiosk."""
    assert cups.printer_problem(listing) == code


async def test_the_real_commands_run_in_the_c_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process gets the bytes on its standard input and its words are read."""
    script = tmp_path / "lp"
    script.write_text('#!/bin/sh\ncat > "$0.in"\necho "request id is office-$LC_ALL-7 (1 file(s))"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    answer = await cups.run_command(("lp", "-"), b"%PDF")
    assert answer == Answer(0, "request id is office-C-7 (1 file(s))\n")
    assert (tmp_path / "lp.in").read_bytes() == b"%PDF"


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

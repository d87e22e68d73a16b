"""IPP's encoding: a request as RFC 8010 prints it, responses of a real scheduler, and broken ones."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.printing.ipp import IppError, JobState, Operation, Status, Tag, answer, integer, request, words

VECTORS = Path(__file__).parents[1] / "vectors" / "ipp"
NAMES = sorted(path.stem for path in VECTORS.glob("*.json"))


def vector(name: str) -> bytes:
    return bytes.fromhex(json.loads((VECTORS / f"{name}.json").read_text())["hex"])


def test_a_request_has_the_bytes_of_the_specification() -> None:
    """RFC 8010, appendix A.1: the fields of a Print-Job, in its order, with its lengths."""
    made = request(Operation.print_job, (
        words(Tag.uri, "printer-uri", "ipp://printer.example.com/ipp/print/pinetree"),
        words(Tag.name_without_language, "job-name", "foobar")), job=(integer("copies", 20),), document=b"%!PDF")
    assert made[:8] == bytes.fromhex("0200000200000001")
    assert made[8:10] == b"\x01\x47"
    assert (b"\x45\x00\x0bprinter-uri\x00\x2cipp://printer.example.com/ipp/print/pinetree") in made
    assert (b"\x42\x00\x08job-name\x00\x06foobar") in made
    assert made.endswith(b"\x02\x21\x00\x06copies\x00\x04\x00\x00\x00\x14\x03%!PDF")


def test_further_values_of_a_set_carry_no_name() -> None:
    """RFC 8010, section 3.1.5."""
    made = request(Operation.get_jobs, (words(Tag.keyword, "requested-attributes", "job-id", "job-name"),))
    assert made.endswith(b"\x44\x00\x14requested-attributes\x00\x06job-id\x44\x00\x00\x00\x08job-name\x03")


@pytest.mark.parametrize(("name", "done", "attribute", "values"), [
    ("print_job_taken", True, "job-id", (1,)), ("job_completed", True, "job-state", (JobState.completed,)),
    ("job_pending", True, "job-state", (JobState.pending,)), ("job_canceled", True, "job-state", (JobState.canceled,)),
    ("jobs_waiting", True, "job-name", ("passerelle p1",)), ("queue_paused", True, "printer-state-reasons", ("none",)),
    ("print_job_unknown_queue", False, "job-id", ()), ("cancel_again", False, "job-id", ())])
def test_a_real_schedulers_responses_are_read(name: str, done: bool, attribute: str,
                                              values: tuple[object, ...]) -> None:
    """Captured from cupsd 2.4.2."""
    read = answer(vector(name))
    assert (read.done, read.values(attribute)) == (done, values)


def test_refusals_keep_their_status() -> None:
    """A queue that does not exist, a job that can't be cancelled any more."""
    assert answer(vector("print_job_unknown_queue")).status == Status.not_found
    assert answer(vector("cancel_again")).status == Status.not_possible


@pytest.mark.parametrize("name", NAMES)
def test_a_response_cut_at_any_length_is_an_error(name: str) -> None:
    """No prefix of a response is taken for a whole one."""
    whole = vector(name)
    for length in range(len(whole)):
        with pytest.raises(IppError):
            answer(whole[:length])


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_otherwise(data: bytes) -> None:
    """Whatever comes is an answer or an IppError."""
    for candidate in (data, b"\x02\x00\x00\x00\x00\x00\x00\x01" + data):
        with contextlib.suppress(IppError):
            answer(candidate)

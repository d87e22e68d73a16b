"""The stream parsers: byte by byte, in noise, cut, with frames missing; and the two sessions over Bluetooth."""

import binascii
import itertools
import json
import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.peripherals.errors import DecodeError
from gateway.peripherals.profiles import ads1292r, corometrics, cyton, ecg12, polar_pmd, viatom_er1
from gateway.peripherals.profiles.framing import Lost

FOLDER = Path(__file__).parents[1] / "vectors"


def vector(folder: str, name: str) -> bytes:
    return bytes.fromhex(json.loads((FOLDER / folder / f"{name}.json").read_text())["bytes"])


REAL = vector("serial", "cyton_sample_packet_real")
CYTON = [REAL[:1] + bytes([n]) + REAL[2:] for n in (254, 255, 0, 1)]
ADS = [vector("serial", name) for name in ("ads1292r_sample", "ads1292r_electrode_off")]
VIATOM = [vector("ecg", f"viatom_capture_{n}") for n in range(1, 13)]
QUARTER = vector("serial", "corometrics_quarter_second")


def twelve(first: int, rows: list[tuple[int, ...]], off: int = 0) -> bytes:
    """A frame of docs/instruments/ecg12.md, from its table."""
    body = struct.pack("<BBIHHH", 1, len(rows), first, 500, 500, off) + b"".join(struct.pack("<12h", *r) for r in rows)
    return b"\xec\x12" + body + struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))


ROWS = [tuple(range(n, n + 12)) for n in range(10)]
TWELVE = [twelve(first, ROWS) for first in (0, 10, 20)]

STREAMS: dict[str, tuple[Callable[[], Any], list[bytes]]] = {
    "cyton": (cyton.Parser, CYTON), "ads1292r": (ads1292r.Parser, ADS * 2), "ecg12": (ecg12.Parser, TWELVE),
    "viatom": (viatom_er1.Assembler, VIATOM[:4])}


def fed(parser: Any, *portions: bytes) -> list[Any]:
    return [item for portion in portions for item in parser.feed(portion)]


def frames(items: list[Any]) -> list[Any]:
    return [item for item in items if not isinstance(item, Lost)]


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_byte_by_byte_is_the_same_as_whole(name: str) -> None:
    """A serial line has no packets; a notification has any size."""
    make, parts = STREAMS[name]
    parser = make()
    whole = fed(make(), b"".join(parts))
    assert fed(parser, *(bytes([byte]) for byte in b"".join(parts))) == whole
    assert len(whole) == len(parts)
    assert parser.lost_bytes == 0


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_opened_in_the_middle_of_a_frame(name: str) -> None:
    """Cut at each length, the rest of the first frame is skipped and every later one found."""
    make, parts = STREAMS[name]
    for cut in range(1, len(parts[0])):
        parser = make()
        found = fed(parser, parts[0][cut:], *parts[1:])
        assert frames(found)[-len(parts[1:]):] == frames(fed(make(), *parts[1:])), cut
        assert parser.lost_bytes >= len(parts[0]) - cut - 1


@pytest.mark.parametrize("name", sorted(STREAMS))
@given(data=st.data())
def test_noise_never_hides_a_frame_for_long(name: str, data: st.DataObject) -> None:
    """Any noise, any portions: nothing raises, and portions make no difference."""
    make, parts = STREAMS[name]
    stream = b"".join(data.draw(st.binary(max_size=40)) + part for part in parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    portions = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    assert fed(make(), *portions) == fed(make(), stream)


@pytest.mark.parametrize("make", [parser for parser, _ in STREAMS.values()] + [corometrics.Parser])
def test_nothing_is_kept_of_endless_noise(make: Callable[[], Any]) -> None:
    """A device that sends something else costs no memory and gives no sample."""
    parser = make()
    assert not fed(parser, *[bytes(4096)] * 50)
    assert parser.lost_bytes >= 49 * 4096


def test_cyton_counts_what_is_missing() -> None:
    """A frame lost whole shows in the number of the next one, across the wrap; one damaged as well."""
    assert [item.number for item in fed(cyton.Parser(), *CYTON)] == [254, 255, 0, 1]
    gap = fed(cyton.Parser(), CYTON[0], CYTON[3])
    assert [type(item) for item in gap] == [cyton.Sample, Lost, cyton.Sample]
    assert gap[1].frames == 2
    damaged = bytearray(CYTON[1])
    damaged[-1] = 0
    found = fed(cyton.Parser(), CYTON[0], bytes(damaged), CYTON[2])
    assert [item.frames for item in found if isinstance(item, Lost)] == [1]


def test_the_twelve_lead_frame_is_what_its_sheet_says() -> None:
    """Rows, electrodes, scale; a value of -32768 is none."""
    rows = [(*range(-6, 6),), (-32768,) * 12]
    (frame,) = fed(ecg12.Parser(), twelve(7, rows, off=0b1000000001))
    assert (frame.first, frame.off, str(frame.microvolts)) == (7, ("ra", "v6"), "0.500")
    assert frame.rows == (tuple(range(-6, 6)), (None,) * 12)


def test_twelve_leads_count_instants_that_are_missing() -> None:
    """By the number of the first instant; a box that began anew is no gap of an hour."""
    found = fed(ecg12.Parser(), TWELVE[0], TWELVE[2])
    assert [item.frames for item in found if isinstance(item, Lost)] == [10]
    assert not [item for item in fed(ecg12.Parser(), TWELVE[2], TWELVE[0]) if isinstance(item, Lost)]


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 8, 10, 12, 14, 200, 254, 255])
def test_a_damaged_twelve_lead_frame_loses_its_instants(at: int) -> None:
    """Whatever the byte, the checksum says so and the next frame is found."""
    damaged = bytearray(TWELVE[1])
    damaged[at] ^= 0x21
    found = fed(ecg12.Parser(), TWELVE[0], bytes(damaged), TWELVE[2])
    assert [item.frames if isinstance(item, Lost) else item.first for item in found] == [0, 10, 20]


def test_a_quarter_second_of_a_fetal_monitor_is_one_row() -> None:
    """Both heart rates and two activities; a pen lift is no number; byte by byte the same."""
    for portions in ([QUARTER], [bytes([byte]) for byte in QUARTER]):
        parser = corometrics.Parser()
        found = fed(parser, *portions) + fed(parser, *portions) + parser.flush()
        assert found == [corometrics.Row(142, None, (10, 12))] * 2


def test_a_message_damaged_in_a_row_leaves_a_hole() -> None:
    """The row stays one row: what did not come is not invented."""
    parser = corometrics.Parser()
    rate = vector("serial", "corometrics_heart_rate")
    hurt = vector("serial", "broken_corometrics_letters")
    found = fed(parser, rate, hurt, vector("serial", "corometrics_activity"), rate) + parser.flush()
    assert found == [corometrics.Row(140, None, (23, None)), corometrics.Row(140, None, (None, None))]
    assert parser.lost_bytes == len(hurt)


def test_a_fetal_monitor_says_more_than_numbers() -> None:
    """Marks, paper, movement, modes; implausible numbers are no samples."""
    parser = corometrics.Parser()
    names = ("corometrics_event_mark", "corometrics_paper_out", "corometrics_movement")
    fed(parser, *(vector("serial", name) for name in names), bytes.fromhex("396230413103"))
    assert (parser.marks, parser.paper_out, parser.movement, parser.modes) == (1, True, "fetal_movement", "A1")
    assert fed(parser, b"9`0999\x03", b"9`0140\x03") == [corometrics.Row(None, None, (None, None))]


def test_captured_frames_of_a_lepu_recorder_come_out_of_their_notifications() -> None:
    """Twelve frames cut at 244 bytes, as the link cut them, with one lost in the middle: the others are found."""
    notifications = [frame[at:at + 244] for frame in VIATOM for at in range(0, len(frame), 244)]
    assert [f.sequence for f in fed(viatom_er1.Assembler(), *notifications)] == [f[4] for f in VIATOM]
    del notifications[2]
    found = frames(fed(viatom_er1.Assembler(), *notifications))
    assert [f.sequence for f in found] == [f[4] for n, f in enumerate(VIATOM) if n != 1]


def test_a_session_with_a_recorder_asks_as_the_makers_application() -> None:
    """Clock, information, then live data; byte for byte what a public application writes; answers in pieces."""
    session = viatom_er1.Session()
    session.set_clock(datetime(2026, 3, 25, 14, 30))
    questions = [session.ask() for _ in range(12)]
    assert questions[0][:-1] == bytes.fromhex("a5ec13000007 00 ea07 03 19 0e 1e 00".replace(" ", ""))
    assert questions[1][1] == 0xE1
    assert questions[10] == vector("ecg", "viatom_question")
    live = vector("ecg", "viatom_live_recording")
    assert session.received(live[:9]) == []
    (answer,) = session.received(live[9:])
    assert (answer.heart_rate, answer.samples, answer.lead_off) == (72, (0, 405, -405, None), False)
    assert session.last is answer


def test_a_belt_is_stopped_before_it_is_started() -> None:
    """The start is the one of Polar's specification; `already` means it runs; a refusal is a problem."""
    session = polar_pmd.Session()
    commands = [session.next_command(), session.next_command(), session.next_command()]
    assert commands == [bytes.fromhex("0300"), bytes.fromhex("02000001820001010e00"), None]
    session.answered(vector("ecg", "polar_control_started"))
    assert session.running
    session.answered(bytes.fromhex("0100"))
    assert (session.running, session.problem) == (False, "pmd.stopped")
    refused = polar_pmd.Session()
    refused.answered(vector("ecg", "polar_control_invalid_parameter"))
    assert (refused.running, refused.problem, refused.next_command()) == (False, "pmd.invalid_parameter", None)


def test_captured_frames_of_a_belt_follow_each_other_without_a_gap() -> None:
    """Six in a row lose nothing by the belt's clock; with one left out, its 73 samples are missing."""
    captured = [vector("ecg", f"polar_h10_ecg_{n}") for n in range(1, 7)]
    session = polar_pmd.Session()
    assert [session.received(frame)[0] for frame in captured] == [0] * 6
    session = polar_pmd.Session()
    lost = [session.received(frame)[0] for n, frame in enumerate(captured) if n != 2]
    assert lost[:2] == [0, 0]
    assert lost[2] == pytest.approx(73, abs=2)
    assert lost[3:] == [0, 0]


def test_settings_of_every_size_are_read() -> None:
    """Polar's own test of its settings: rate, resolution, four ranges, channels; cut anywhere they are refused."""
    body = bytes.fromhex("000134000101100002 04f500f401e803d007040103".replace(" ", ""))
    answer = polar_pmd.control(b"\xf0\x01\x02\x00\x00" + body)
    assert isinstance(answer, polar_pmd.Reply)
    assert {setting.name: values for setting, values in answer.settings} == {
        "rate": (52,), "resolution": (16,), "range": (245, 500, 1000, 2000), "channels": (3,)}
    for size in (2, 3, 5, 9, len(body) - 1):
        with pytest.raises(DecodeError):
            polar_pmd.control(b"\xf0\x01\x02\x00\x00" + body[:size])

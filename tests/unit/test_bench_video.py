"""The video benchmark's pure parts: codes to latencies, freezes, similarity, tones, links in time, aims, the page."""

from __future__ import annotations

import argparse
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import __main__ as command
from bench import video, video_figures, video_voice
from bench.link import Direction
from bench.report import WrongCall
from bench.video_aims import aims
from bench.video_figures import Shown
from bench.video_links import CASES, NAMES, Case, capacity, chosen, custom, lacking, outage
from bench.video_page import Plots, page, runs

VOID = {"meta", "line", "rect", "polyline"}


def by_name(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def row(**given: Any) -> dict[str, Any]:
    """Figures of a good run, some changed."""
    return {"fps": 25.0, "lines_p50": 720, "latency_ms": {"p50": 80, "p95": 120, "p99": 150}, "frozen_s": 0.0,
            "ssim": 0.97, "kbps": 100, "keyframes": 1, "window_s": 30.0, "cpu_percent_of_a_core": 20.0,
            "starved_percent_of_time": 5.0, "emulator_late_ms": {"p95": 1.0}, "readings_ms": {"p50": 40, "p99": 200},
            "voice": {"concealed_s": 0.1, "tones_heard_percent": 100.0, "delay_ms": {"p50": 90, "p95": 120}}} | given


def missed(ours: dict[str, Any], *, link: str = "4m", **others: dict[str, Any]) -> list[str]:
    return [name for name, reached in aims({link: {"ours": ours, **others}}).items() if not reached]


def test_a_code_names_the_newest_picture_that_fits() -> None:
    """16 bits count 44 minutes at 25 a second: the whole number is the last with these bits before it was seen."""
    number = 3 * 65536 + 5
    assert video_figures.number_of(5, number / 25 + 0.2, 25) == number
    assert video_figures.number_of(65535, number / 25, 25) == 3 * 65536 - 1


def test_freezes_are_gaps_over_half_a_second_and_the_edges_count() -> None:
    """0.5 s is none, 0.9 s is one, and a window without a picture is frozen throughout."""
    assert video_figures.frozen([0.5, 1.0, 1.9], 0.0, 2.3) == pytest.approx(0.9)
    assert video_figures.frozen([], 10.0, 14.0) == pytest.approx(4.0)
    assert video_figures.frozen([1.0], 0.9, 3.0) == pytest.approx(2.0)


def test_a_repeated_picture_is_no_new_one() -> None:
    """What the browser shows twice counts once; one whose code cannot be read counts."""
    frames = [Shown(1.0, 0.9, 1280, 720), Shown(1.04, 0.9, 1280, 720), Shown(1.1, None, 640, 360),
              Shown(1.2, 1.1, 640, 360)]
    told = video_figures.picture(frames, 1.0, 2.0)
    assert (told["fps"], told["unreadable"], told["lines_p50"]) == (3.0, 1, 360)
    assert told["latency_ms"]["count"] == 2
    assert told["latency_ms"]["max"] == pytest.approx(100.0)
    assert told["frozen_s"] == pytest.approx(0.8)


def test_back_is_the_first_picture_taken_afterwards() -> None:
    """One that was on its way before the link came back proves nothing."""
    frames = [Shown(5.1, 4.9), Shown(5.6, 5.4)]
    assert video_figures.back_after(frames, 5.0) == pytest.approx(0.6)
    assert video_figures.back_after(frames, 6.0) is None


def test_a_fresh_connections_counter_starts_at_zero() -> None:
    """A fall of a counter is a new one; what it has counted is added, what was outside the window is not."""
    assert video_figures.growing([(0.0, 90), (1.0, 100), (2.0, 110), (3.0, 4), (4.0, 9)], 1.0, 4.0) == 19


def test_a_reading_that_never_arrives_is_as_late_as_the_window() -> None:
    """Lost readings show in p99; lost ECG chunks are only counted."""
    arrived = [(float(k), k + 0.05) for k in range(9)]
    told = video_figures.messages(10, arrived, 0.0, 10.0, reliable=True)
    assert told["p50"] == pytest.approx(50)
    assert (told["p99"], told["never_arrived"]) == (10_000, 1)
    assert video_figures.messages(10, arrived, 0.0, 10.0, reliable=False)["max"] == pytest.approx(50)


def levels(begin: float, seconds: float, late: float,
           lost: tuple[float, float] = (0, 0)) -> list[tuple[float, int, float]]:
    """What the receiver measures of the voice, `late` seconds after it was sent; in `lost` it hears nothing."""
    found = []
    hop = int(video_voice.HOP_SECONDS * video_voice.HZ)
    for k in range(int(seconds / video_voice.HOP_SECONDS)):
        at = begin + k * video_voice.HOP_SECONDS
        wave = video_voice.samples(round(at * video_voice.HZ), hop) / 32767
        if lost[0] <= at < lost[1]:
            wave = wave * 0
        spectrum = np.abs(np.fft.rfft(wave)) * 2 / hop
        amplitudes = [float(spectrum[pitch // 100]) for pitch in video_voice.PITCHES]
        best = int(np.argmax(amplitudes))
        found.append((at + video_voice.HOP_SECONDS + late, best, amplitudes[best]))
    return found


@pytest.mark.parametrize("late", [0.08, 0.73, 2.6])
def test_a_tones_delay_is_read_from_its_pitch(late: float) -> None:
    """Every tone of the sequence is found, its delay within ten milliseconds, even past the next tones."""
    begin = 103.2
    found, heard, sent = video_voice.delays(video_voice.onsets(levels(begin, 12.0, late)), begin, begin + 8)
    assert heard == sent == 16
    assert found == pytest.approx([late] * 16, abs=0.011)


def test_lost_tones_are_missed() -> None:
    """A hole of two seconds swallows four tones; the hum alone is no tone."""
    found = video_voice.onsets(levels(100.0, 10.0, 0.1, lost=(103.9, 105.9)))
    assert video_voice.delays(found, 100.0, 109.0)[1:] == (14, 18)


def test_the_links_of_the_issue_are_there_and_can_be_chosen() -> None:
    """Names in any order, unknown ones refused by name."""
    assert [case.name for case in chosen("80k, 4m")] == ["4m", "80k"]
    assert len(chosen(None)) == len(NAMES) == 16
    for names in ("4m,5g", ","):
        with pytest.raises(ValueError, match=r"5g|named"):
            chosen(names)


def test_a_link_of_ones_own_has_outages_and_a_second_uplink() -> None:
    """Outages are in order and inside the window; two that overlap and what is no START:LENGTH are refused."""
    case = custom([("rate=300", "delay=5"), ("rate=100", "")], [outage("30:4"), outage("5:1.5")])
    assert [(event.at, event.length) for event in case.events] == [(5.0, 1.5), (30.0, 4.0)]
    assert case.lasting(None).seconds == 44.0
    assert case.lasting(None).words() == ("up rate=300, down delay=5 and up rate=100, down unlimited; "
                                          "outage at 5 s for 1.5 s; outage at 30 s for 4 s; 44 s watched")
    points = dict(capacity(case, Path(), 40.0))
    assert (points[4.0], points[5.0], points[31.0]) == (400, 0, 0)
    with pytest.raises(ValueError, match="before the one at 5"):
        custom([("", "")], [(5.0, 3.0), (7.0, 1.0)])
    for text in ("5", "5:", "a:b", "-1:2", "5:0", "nan:1", "1:2:3", "1:inf"):
        with pytest.raises(ValueError, match="START:LENGTH"):
            outage(text)


def test_steps_are_spread_over_the_window_and_shown_as_capacity() -> None:
    """2000, 200, 2000 kbit/s in thirds; an outage is zero, the second uplink stays when the first is lost."""
    steps = dict(capacity(by_name("steps").lasting(30.0), Path(), 30.0))
    assert [steps[at] for at in (5.0, 12.0, 25.0)] == [2000, 200, 2000]
    died = by_name("outage4").lasting(5.0)
    assert died.seconds == 19.0
    assert by_name("outage4").lasting(None).seconds == 19.0
    assert [dict(capacity(died, Path(), 19.0))[at] for at in (4.5, 5.0, 8.5, 9.0)] == [2000, 0, 0, 2000]
    two = dict(capacity(by_name("uplink2").lasting(5.0), Path(), 20.0))
    assert (two[4.0], two[6.0]) == (4000, 2000)


def test_a_trace_is_capacity_and_its_absence_a_reason(tmp_path: Path) -> None:
    """Four packets in each half second are 96 kbit/s; a link whose trace is not there says so."""
    (tmp_path / "t").write_text("".join(f"{125 * (k + 1) - 60}\n" for k in range(80)))
    case = Case("t", (("trace=t,delay=1", "rate=100"),))
    assert {kbps for _, kbps in capacity(case, tmp_path, 4.0)} == {96}
    assert lacking(case, tmp_path) is None
    assert "ATT-LTE" in (lacking(by_name("att-lte"), tmp_path) or "")


def test_a_link_begins_again_as_it_was() -> None:
    """The next sender meets the same losses in the same places, an empty queue and no outage."""
    way = Direction.parse("up", "rate=500,loss=20,burst=3", outages=[(0.5, 0.2)])

    def play() -> list[float | None]:
        return [way.admit(500, k * 0.01) for k in range(200)]

    first = play()
    way.begin_again()
    again = play()
    assert way.dropped["outage"] == 0
    assert [out for k, out in enumerate(again) if k < 50] == [out for k, out in enumerate(first) if k < 50]


@pytest.mark.parametrize(("ours", "link", "words"), [
    ({"latency_ms": {"p50": 80, "p95": 121, "p99": 150}}, "4m", "latency"),
    ({"latency_ms": {"p50": None, "p95": None, "p99": None}}, "4m", "latency"),
    ({"frozen_s": 0.6}, "4m", "frozen"),
    ({"ssim": 0.969}, "4m", "SSIM"),
    ({"ssim": None}, "4m", "SSIM"),
    ({"fps": 11.9}, "150k", "12 fps"),
    ({"readings_ms": {"p50": 40, "p99": 1000}}, "80k", "readings"),
    ({"voice": {"concealed_s": 0.7, "tones_heard_percent": 100.0}}, "80k", "voice"),
    ({"voice": {"concealed_s": 0.0, "tones_heard_percent": 97.0}}, "80k", "voice"),
    ({"back_s": 1.1}, "outage4", "within 1 s of the network"),
    ({"handover_s": None}, "uplink2", "hand-over"),
    ({"cpu_percent_of_a_core": 31.0}, "4m", "CPU"),
])
def test_each_aim_is_looked_at(ours: dict[str, Any], link: str, words: str) -> None:
    """One figure past its limit misses exactly one aim; the same run as good as both others misses none."""
    others = {"chromium": row(), "stock": row(cpu_percent_of_a_core=60.0)}
    assert missed(row(), link=link, **others) == []
    names = missed(row(**ours), link=link, **others)
    assert len(names) == 1
    assert words in names[0]


@pytest.mark.parametrize(("ours", "stock"), [
    ({"lines_p50": 360}, {}), ({"fps": 20.0}, {}), ({"ssim": 0.955}, {}), ({"ssim": None}, {}),
    ({}, {"fps": 0.4}), ({}, {"lines_p50": 360}), ({}, {"fps": 0.0, "lines_p50": 0, "ssim": None})])
def test_cost_is_compared_only_at_the_same_picture(ours: dict[str, Any], stock: dict[str, Any]) -> None:
    """Half the cost for a smaller, slower or worse picture proves nothing, nor the price of a picture beside none."""
    rows = {"ours": row(**ours, cpu_percent_of_a_core=10.0), "stock": row(**stock)}
    assert not [name for name in aims({"4m": rows}) if "CPU" in name]


def test_what_nobody_has_is_no_aim() -> None:
    """On a dead link both showed nothing: neither latency nor likeness is better; theirs alone would be."""
    nothing = row(latency_ms={"p50": None, "p95": None, "p99": None}, ssim=None, fps=0.0, frozen_s=30.0)
    assert list(aims({"x": {"ours": nothing, "chromium": nothing}})) == ["x: frozen no longer than Chromium's"]
    assert len(missed(nothing, link="x", chromium=row())) == 3


class Tags(HTMLParser):
    """Counts open elements; fails on a wrong end tag."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag not in ("li",):
            while self.open and self.open[-1] == "li":
                self.open.pop()
            assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    """A table and two plots a link, the unmeasured with its reason, text escaped, nothing fetched."""
    plots = Plots(10.0, [(0.0, 400.0), (10.0, 400.0)], {"ours": [(0.0, 90.0), (0.1, 95.0), (3.0, 5000.0)]},
                  {"ours": [(0.5, 300.0)]}, [(5.0, 6.0)])
    text = page("<t>", {"notes": ["a<b", "c"]}, {"4m": {"ours": row(), "stock": {"not_measured": "it <fell>"}}},
                {"4m": plots}, {"4m: an aim": True, "other": False})
    tags = Tags()
    tags.feed(text)
    assert [tag for tag in tags.open if tag != "li"] == []
    assert tags.seen.count("svg") == 2
    assert [source for source in tags.sources if not source.startswith("#")] == []
    assert "script" not in tags.seen
    assert "it &lt;fell&gt;" in text
    assert "1 of 2 aims" in text
    assert "an aim <b class='reached'>ok</b>" in text
    assert "other <b class='missed'>missed</b>" in text


def test_a_line_stops_at_a_freeze() -> None:
    """Points more than the gap apart are not joined."""
    assert [len(run) for run in runs([(0.0, 1.0), (0.2, 1.0), (1.0, 1.0)], 0.5)] == [2, 1]


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    video.arguments(parser)
    return parser.parse_args(given)


@pytest.mark.parametrize(("given", "words"), [
    (["--links", "5g"], "these exist: 4m"), (["--up", "rate=1"], "belong together"),
    (["--up2", "rate=1", "--down2", "rate=1"], "stand beside"),
    (["--links", "4m", "--up", "rate=1", "--down", "rate=1"], "give either"), (["--outage", "5:1"], "outage60"),
    (["--up", "", "--down", "", "--outage", "5"], "START:LENGTH"),
    (["--senders", "nobody"], "--senders nobody"), (["--senders", "ours,ours"], "each once"),
    (["--up", "rte=1", "--down", "rate=1"], "unknown keys rte"), (["--up", "delay=40ms", "--down", ""], "without unit"),
    (["--up", "trace=nowhere", "--down", ""], "no file nowhere"), (["--seconds", "0"], "at least 1"),
    (["--seconds", "nan"], "at least 1"), (["--seconds", "inf"], "at least 1"),
    (["--links", "att-lte", "--traces", "/nowhere"], "/nowhere/ATT-LTE"), (["--page", "/proc/a/b"], "--page /proc/a/b"),
    (["--directory", "/proc/a"], "--directory /proc/a"),
])
def test_a_wrong_call_says_why_before_anything_begins(given: list[str], words: str, tmp_path: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback and no figures: what was wrong, and what there is."""
    monkeypatch.setattr("bench.road.missing", lambda: None)
    monkeypatch.setattr("bench.video.installed", lambda: "chromium")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongCall, match=words):
        video.run(options(*given))


def test_a_wrong_call_has_an_exit_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """64 for an unknown benchmark, an unknown option and an option's value; the words are on standard error."""
    assert command.main(["nothing"]) == 64
    for given in (["video", "--sconds", "3"], ["video", "--links", "5g"]):
        with pytest.raises(SystemExit) as ended:
            command.main(given)
        assert ended.value.code == 64
    assert "5g" in capsys.readouterr().err


@pytest.mark.parametrize(("where", "words"), [("bench.road.missing", "network namespaces need root"),
                                              ("bench.video._no_browser", "there is no Chromium here")])
def test_what_the_machine_lacks_is_said(where: str, words: str, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root, or without a browser, nothing is measured, and that is an aim that was missed."""
    monkeypatch.setattr("bench.road.missing", lambda: None)
    monkeypatch.setattr(where, lambda: words)
    monkeypatch.chdir(tmp_path)
    assert list(video.run(options()).aims) == [f"not measured: {words}"]


def test_events_of_a_case_are_in_its_window() -> None:
    """Each case watches long enough after what happens to it."""
    for case in CASES:
        lasting = case.lasting(1.0)
        assert all(event.at + event.length < lasting.seconds for event in lasting.events)

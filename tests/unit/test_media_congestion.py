"""Feedback, history, measures, budget and the log of decisions: pure, by the clock they are given."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.roadsenders import Ours
from bench.roadsim import LINKS, play
from gateway.media.congestion.budget import (
    AMPLE_SECONDS,
    FIRST_SECONDS,
    LEAN_KBPS,
    LEAN_SECONDS,
    NONE_SECONDS,
    OPENING_ABOVE,
    PAUSE_SECONDS,
    PICTURE_LEAST,
    RED_ABOVE,
    RED_HOLD_SECONDS,
    RESUME_SECONDS,
    WHOLE_KBPS,
    Budget,
    Meter,
    VoiceForm,
)
from gateway.media.congestion.channels import (
    CHANNELS_BURST_OCTETS,
    CHANNELS_LEAST,
    CHANNELS_PACING,
    OPENING_OCTETS,
    UNLIMITED,
    ChannelPacer,
)
from gateway.media.congestion.controller import IN_FLIGHT_SECONDS, Controller
from gateway.media.congestion.decision import Limits
from gateway.media.congestion.feedback import BadFeedback, Feedback, messages, parse
from gateway.media.congestion.history import History
from gateway.media.congestion.measures import BASE_SECONDS, Arrivals, Beside, Loss, QueueDelay
from gateway.media.congestion.probing import Judge, train
from gateway.media.congestion.replay import BadLog, replay
from gateway.media.congestion.road import Road
from gateway.media.congestion.silence import BLIND_SECONDS, HOPE_SECONDS, HOPE_SHARE

LIMITS = Limits(30_000, 300_000, 2_000_000)

# Drawn by hand from section 3.1 of the draft: base 5, seven packets, reference 3 (192 ms), feedback number 1;
# a run of two small deltas, then a vector of two-bit symbols: large, lost, small, small, lost.
BY_HAND = bytes.fromhex("0005" "0007" "000003" "01" "2002" "e140" "04" "08" "ffff" "01" "02" "0000")


def test_feedback_drawn_by_hand_is_read() -> None:
    """Numbers, the two kinds of chunk, both widths of delta, a negative one, ticks of 250 us from 64 ms references."""
    told = parse(BY_HAND)
    assert (told.base, told.count) == (5, 7)
    assert told.arrived == ((5, 0.193), (6, 0.195), (7, 0.19475), (9, 0.195), (10, 0.1955))


def test_one_bit_vectors_and_long_runs_are_read() -> None:
    """A vector of one-bit symbols says small deltas; a run of lost packets costs nothing."""
    told = parse(bytes.fromhex("fffe" "1010" "000000" "00" "a001" "1002" "0404"))
    assert [number for number, _ in told.arrived] == [65534, 11]
    assert told.count == 0x1010


@pytest.mark.parametrize("fci", ["", "0005000700000301", "000500070000030120", "0005000200000301200204",
                                 "00050001000003016001" "00", "0005ffff000003013fff04", "00050001000003012000"])
def test_feedback_that_contradicts_itself_is_refused(fci: str) -> None:
    """Cut anywhere, a reserved symbol, more arrivals than deltas, an empty run."""
    with pytest.raises(BadFeedback):
        parse(bytes.fromhex(fci))


@given(st.binary(max_size=80))
def test_no_bytes_break_the_parser(fci: bytes) -> None:
    """It reads or refuses; what it reads lies within what it claims."""
    try:
        told = parse(fci)
    except BadFeedback:
        return
    assert all((number - told.base) % 65536 < told.count for number, _ in told.arrived)


def test_messages_are_found_in_compound_packets() -> None:
    """Among receiver reports, with and without padding; NACKs and cut messages are none."""
    report = bytes.fromhex("80c90001" "00000001")
    nack = bytes.fromhex("81cd0003" "00000001" "00000002" "00050000")
    feedback = bytes.fromhex("8fcd0004" "00000001" "00000002") + b"12345678"
    padded = bytes.fromhex("afcd0004" "00000001" "00000002") + b"1234" + bytes.fromhex("00000004")
    assert messages(report + feedback + nack + padded) == [b"12345678", b"1234"]
    assert messages(feedback[:-4]) == []


@given(st.binary(max_size=60))
def test_no_rtcp_breaks_the_search(rtcp: bytes) -> None:
    """Bytes of a peer: whatever they are, each message found is part of them."""
    assert all(found in rtcp for found in messages(rtcp))


def feedback(*arrived: tuple[int, float], base: int, count: int) -> Feedback:
    return Feedback(base, count, arrived)


def test_what_feedback_passes_over_is_lost_and_may_come_late() -> None:
    """A gap is loss; the same packet in a later message takes it back; numbers never sent mean nothing."""
    history = History()
    for i in range(5):
        history.add(100, i / 100, 0)
    told = history.take(feedback((0, 1.0), (2, 1.1), (9, 1.2), base=0, count=10))
    assert (len(told.acked), told.lost, told.late) == (2, 1, 0)
    assert history.in_flight == 200
    told = history.take(feedback((1, 1.3), base=1, count=1))
    assert (len(told.acked), told.lost, told.late) == (1, 0, 1)


def test_what_no_message_speaks_of_is_unknown() -> None:
    """Packets before the base of the next message leave the flight without being lost."""
    history = History()
    for i in range(10):
        history.add(100, i / 100, 0)
    told = history.take(feedback((7, 1.0), base=7, count=1))
    assert (told.lost, told.unknown) == (0, 7)
    assert history.in_flight == 200


@given(st.lists(st.integers(0, 65535), max_size=40))
def test_numbers_wrap_and_acknowledgements_cannot_make_octets(numbers: list[int]) -> None:
    """After 70,000 packets any set of acknowledged numbers leaves the flight between nothing and what was sent."""
    history = History()
    history._next = 70_000
    for i in range(50):
        history.add(10, i / 100, 0)
    history.take(Feedback(numbers[0] if numbers else 0, 65535, tuple((n, 0.0) for n in numbers)))
    assert 0 <= history.in_flight <= 500


def test_the_queue_delay_is_what_all_of_the_last_packets_had() -> None:
    """A picture's own burst is no standing queue; what never drains is; the clocks' difference cancels."""
    queue = QueueDelay()
    for i in range(50):
        queue.add(i * 0.02, 1000 + i * 0.02 + (0.08 if i % 3 == 2 else 0.0))
    assert queue.standing == pytest.approx(0.0, abs=1e-6)
    for i in range(50, 70):
        queue.add(i * 0.02, 1000 + i * 0.02 + 0.1)
    assert queue.standing == pytest.approx(0.1, abs=1e-6)
    for i in range(70, 70 + int(BASE_SECONDS / 0.02) + 100):
        queue.add(i * 0.02, 1000 + i * 0.02 + 0.1)
    assert queue.standing == pytest.approx(0.0, abs=1e-6)


def test_a_receiver_that_acknowledges_faster_than_we_send_is_not_believed() -> None:
    """The rate that arrives is never more than the rate that left."""
    arrivals = Arrivals()
    for i in range(100):
        arrivals.add(i * 0.01, 5 + i * 0.001, 1000)
    assert arrivals.rate() < 900_000


def test_loss_is_of_a_second_and_of_many_packets() -> None:
    """A few packets say nothing; late ones are no loss."""
    loss = Loss()
    loss.add(5, 5, 0, 0.0)
    assert loss.share == 0.0
    loss.add(20, 0, 5, 0.1)
    assert loss.share == 0.0
    loss.add(30, 10, 0, 0.2)
    assert loss.share == pytest.approx(10 / 65)


def test_a_train_tells_the_limit_and_whether_there_was_one() -> None:
    """Spread by the link: the link's rate; unspread: no limit; half of it lost: nothing."""
    probe = train(1, 1_000_000)
    slow, free, lossy = Judge(probe, 0.0), Judge(probe, 0.0), Judge(probe, 0.0)
    step = 8 * probe.size / probe.rate
    for i in range(probe.packets):
        slow.add(i * step, 1 + i * step * 2, probe.size)
        free.add(i * step, 1 + i * step, probe.size)
        if i % 2:
            lossy.add(i * step, 1 + i * step, probe.size)
    held, found = slow.found(), free.found()
    assert held is not None
    assert found is not None
    assert held.rate == pytest.approx(500_000, rel=0.01)
    assert found.rate == pytest.approx(1_000_000, rel=0.01)
    assert (held.free, found.free) == (False, True)
    assert lossy.found() is None


def test_silence_closes_the_window_and_one_answer_opens_it() -> None:
    """Nothing acknowledged for long: window 0; the first acknowledgement after losses counts a restart."""
    controller = Controller(LIMITS)
    for i in range(20):
        controller.sent(1000, i * 0.02)
    fci = bytes.fromhex("0000" "0001" "000001" "00" "2001" "00" "00")
    assert not controller.feedback(fci, 0.1).blind
    late = controller.tick(0.4 + BLIND_SECONDS + HOPE_SECONDS + 0.5)
    assert (late.blind, late.window) == (True, 0)
    number = controller.sent(80, 2.5)
    back = controller.feedback(number.to_bytes(2, "big") + bytes.fromhex("0001" "00002a" "01" "2001" "00" "00"), 2.6)
    assert (back.blind, back.restarts) == (False, 1)
    assert back.window > 0


def test_a_silence_without_a_queue_before_it_is_hoped_to_be_the_way_backs() -> None:
    """A picture goes on at half the rate for a while, and a report that none was lost changes nothing; one that many
    are unknown of begins anew without having been blind."""
    controller = Controller(LIMITS)
    for i in range(20):
        controller.sent(300, i * 0.02)
    before = controller.feedback(bytes.fromhex("0000" "0001" "000001" "00" "2001" "00" "00"), 0.1)
    hoping = controller.tick(0.4 + BLIND_SECONDS + 0.3)
    assert (hoping.blind, hoping.target) == (False, round(before.target * HOPE_SHARE))
    assert hoping.window > hoping.in_flight
    told = bytes.fromhex("0001" "0013" "000001" "01" "2013" + "50" * 19 + "00")
    back = controller.feedback(told, 1.2)
    assert (back.restarts, back.rate) == (0, before.rate)
    for i in range(40):
        controller.sent(1000, 1.2 + i * 0.01)
    assert controller.tick(1.6 + BLIND_SECONDS + 0.3).why == "silence"
    number = controller.sent(80, 2.4)
    anew = controller.feedback(number.to_bytes(2, "big") + bytes.fromhex("0001" "00002a" "02" "2001" "00" "00"), 2.5)
    assert (anew.blind, anew.restarts) == (False, 1)


def test_what_left_long_ago_is_not_on_its_way_any_more() -> None:
    """Packets that no report speaks of do not close the window for ever, and a late report counts no octets twice."""
    controller = Controller(LIMITS)
    for i in range(10):
        controller.sent(1000, i * 0.01)
    assert controller.tick(0.1).in_flight == 10_000
    assert controller.tick(0.2 + IN_FLIGHT_SECONDS + 0.5).in_flight == 0
    controller.sent(500, 2.0)
    late = controller.feedback(bytes.fromhex("0000" "000a" "000001" "00" "200a" + "50" * 10), 2.05)
    assert late.in_flight == 500


def test_a_catch_up_is_not_taken_for_the_rule() -> None:
    """What readings send after an outage does not take the picture's part for seconds."""
    meter = Meter(steady=True)
    for i in range(400):
        meter.add(100, i * 0.02)
    steady = meter.rate
    meter.skip(10.0)
    for i in range(200):
        meter.add(500, 8.0 + i * 0.01)
    assert meter.rate == pytest.approx(steady, rel=0.05)
    for i in range(200):
        meter.add(500, 10.5 + i * 0.01)
    assert steady < meter.rate <= 2 * steady + 20_000


def test_what_waited_through_an_outage_is_not_taken_for_the_rule_of_a_fresh_connection() -> None:
    """Its first second brings 180 kB of readings at once; the picture is not paused for them."""
    meter = Meter(steady=True)
    meter.add(180_000, 0.0)
    meter.settle(1.01)
    assert 0 < meter.rate < 90_000


def test_a_waveform_is_thinned_only_when_the_picture_is_gone_and_a_queue_stands() -> None:
    """And comes back by itself."""
    budget = Budget()
    now = 0.0
    while now < 3.0:
        thinned = budget.split(60_000, 50_000, 80_000, 0.0, now)
        now += 0.05
    assert thinned.paused
    assert thinned.waveform < 0.5
    while now < 20.0:
        whole = budget.split(200_000, 200_000, 80_000, 0.0, now)
        now += 0.05
    assert (whole.paused, whole.waveform) == (False, 1.0)
    assert budget.split(200_000, 100_000, 80_000, 0.0, 20.05).waveform == 1.0


def test_what_leaves_beside_counts_for_a_queue_and_for_a_train() -> None:
    """A link of 80 kbit/s whose voice and readings bear no numbers is not taken for one that carries the rest alone."""
    arrivals, beside, judge = Arrivals(), Beside(), Judge(train(7, 160_000.0), 0.0)
    free = 0.0
    for i in range(40):
        at, size = i * 0.01, 100 if i % 4 == 0 else 120
        free = max(free, at) + 8 * size / 80_000
        if i % 4 == 0:
            arrivals.add(at, free, size)
            judge.add(at, free, size)
        else:
            beside.add(size, at)
            judge.beside(size, at)
    assert arrivals.leaving(0.5, beside) == pytest.approx(80_000, rel=0.05)
    assert arrivals.leaving(0.5, Beside()) < 30_000
    found = judge.found()
    assert found is not None
    assert found.rate == pytest.approx(80_000, rel=0.05)
    assert beside.between(0.005, 0.025) == 240


@given(st.lists(st.tuples(st.sampled_from("sft"), st.binary(min_size=8, max_size=40)), max_size=60))
def test_a_lying_peer_moves_the_rate_only_within_its_limits(steps: list[tuple[str, bytes]]) -> None:
    """Whatever feedback says, floor <= target <= ceiling, and nothing raises."""
    controller = Controller(LIMITS)
    for i, (kind, data) in enumerate(steps):
        now = i * 0.05
        if kind == "s":
            controller.sent(1200, now)
        told = controller.feedback(data, now) if kind == "f" else controller.tick(now)
        assert 0.25 * LIMITS.floor <= told.target <= LIMITS.ceiling
        assert told.in_flight >= 0


def test_the_floor_pauses_the_picture_and_nothing_flaps() -> None:
    """Too little for long pauses; more must last, and each vain return makes it wait longer."""
    budget = Budget()
    assert not budget.split(300_000, 300_000, 40_000, 0.0, 0.0).paused
    assert not budget.split(39_000, 39_000, 40_000, 0.0, 2.0).paused
    assert budget.split(39_000, 39_000, 40_000, 0.0, 2.0 + PAUSE_SECONDS).paused
    assert budget.split(60_000, 60_000, 40_000, 0.0, 8.0).paused
    assert not budget.split(60_000, 60_000, 40_000, 0.0, 8.01 + RESUME_SECONDS).paused
    budget.split(39_000, 39_000, 40_000, 0.0, 12.0)
    assert budget.split(39_000, 39_000, 40_000, 0.0, 12.01 + PAUSE_SECONDS).paused
    budget.split(60_000, 60_000, 40_000, 0.0, 20.0)
    assert budget.split(60_000, 60_000, 40_000, 0.0, 20.0 + RESUME_SECONDS).paused
    assert not budget.split(60_000, 60_000, 40_000, 0.0, 20.01 + 2 * RESUME_SECONDS).paused
    # Next to nothing pauses sooner, and plenty needs no waiting.
    budget.split(30_000, 30_000, 40_000, 0.0, 50.0)
    assert budget.split(30_000, 30_000, 40_000, 0.0, 50.01 + NONE_SECONDS).paused
    budget.split(200_000, 200_000, 40_000, 0.0, 54.0)
    assert not budget.split(200_000, 200_000, 40_000, 0.0, 54.01 + AMPLE_SECONDS).paused


def test_a_call_on_a_thin_path_begins_with_the_voice() -> None:
    """What waited for the connection goes before the first picture, which waits until there is room for it."""
    budget = Budget()
    assert budget.split(74_000, 74_000, 65_000, 0.0, 0.0).paused
    assert budget.split(80_000, 80_000, 65_000, 0.0, FIRST_SECONDS).paused
    assert not budget.split(80_000, 80_000, 65_000, 0.0, 0.01 + FIRST_SECONDS + RESUME_SECONDS).paused


def test_the_first_picture_goes_before_what_waits_where_it_is_there_soon() -> None:
    """While a call opens its picture does not pause, and goes on after it; on less it begins with the voice."""
    budget, floor = Budget(), Budget()
    opening = budget.split(74_000, 74_000, 65_000, 0.0, 0.0, opening=True)
    assert not opening.paused
    assert opening.picture >= PICTURE_LEAST
    assert not budget.split(74_000, 74_000, 65_000, 0.0, 1.0).paused
    assert floor.split(OPENING_ABOVE - 1, OPENING_ABOVE - 1, 65_000, 0.0, 0.0, opening=True).paused


def test_channels_take_what_voice_and_picture_leave() -> None:
    """A message leaves at once, then their rate holds; nothing leaves while the first picture opens the call; a path
    that is not thin sets no limit."""
    pacer = ChannelPacer()
    assert pacer.room(0.0) == UNLIMITED
    pacer.lead(40_000, 0.0)
    pacer.sent(2 * CHANNELS_BURST_OCTETS, 0.0)
    assert pacer.room(0.1) < 0 < pacer.room(0.3)
    sent, now = 0, 0.3
    while now < 10.3:
        if pacer.room(now) > 0:
            pacer.sent(700, now)
            sent += 700
        now += 0.02
    assert sent * 8 / 10.0 == pytest.approx(CHANNELS_PACING * 40_000, rel=0.05)
    pacer.lead(0, 20.0)
    assert pacer.room(30.0) == OPENING_OCTETS
    pacer.sent(700, 30.0)
    assert pacer.room(40.0) < 0
    pacer.lead(1, 40.0)
    assert pacer.room(40.0 + 8 * CHANNELS_BURST_OCTETS / CHANNELS_LEAST) > 0
    pacer.lead(None, 50.0)
    assert pacer.room(50.0) == UNLIMITED


def test_the_least_picture_rides_out_the_valley_of_the_rate() -> None:
    """While a queue drains three small pictures a second go on."""
    budget = Budget()
    budget.split(300_000, 300_000, 70_000, 0.0, 0.0)
    assert budget.split(74_000, 70_000, 70_000, 0.0, 5.0).picture == PICTURE_LEAST
    now = 5.0
    while now < 20.0:
        told = budget.split(73_000, 70_000, 70_000, 0.0, now)
        now += 0.05
    assert (told.paused, told.picture) == (False, PICTURE_LEAST)


def test_a_picture_returns_only_beside_a_whole_waveform() -> None:
    """An ECG goes before it: what its missing pieces leave free is not the picture's."""
    budget = Budget()
    now = 0.0
    while now < 4.0:
        told = budget.split(60_000, 50_000, 80_000, 0.0, now)
        now += 0.05
    assert told.paused
    since = now
    while (told := budget.split(100_000, 100_000, 66_000, 0.0, now)).paused:
        assert told.waveform < 1.0 or now < since + 3.0 + RESUME_SECONDS
        now += 0.05
    assert told.waveform == 1.0


def test_the_voice_takes_few_bits_on_a_very_thin_path() -> None:
    """And all of its bits again when the path has been wider for a while."""
    budget = Budget()
    assert budget.split(100_000, 100_000, 0, 0.0, 0.0).voice_kbps == WHOLE_KBPS
    assert budget.split(90_000, 90_000, 0, 0.0, 1.0).voice_kbps == LEAN_KBPS
    assert budget.split(120_000, 120_000, 0, 0.0, 2.0).voice_kbps == LEAN_KBPS
    assert budget.split(150_000, 150_000, 0, 0.0, 3.0).voice_kbps == LEAN_KBPS
    assert budget.split(90_000, 90_000, 0, 0.0, 3.0 + LEAN_SECONDS).voice_kbps == LEAN_KBPS
    assert budget.split(150_000, 150_000, 0, 0.0, 20.0).voice_kbps == LEAN_KBPS
    assert budget.split(150_000, 150_000, 0, 0.0, 20.0 + LEAN_SECONDS).voice_kbps == WHOLE_KBPS


def test_the_voice_follows_rate_and_loss() -> None:
    """Thin: two frames a packet, very thin: three or four, with hysteresis; lossy and wide: said again, for a while;
    else as it came."""
    budget = Budget()
    assert budget.split(500_000, 500_000, 0, 0.0, 0.0).voice is VoiceForm.plain
    assert budget.split(500_000, 500_000, 0, 0.03, 1.0).voice is VoiceForm.red
    assert budget.split(500_000, 500_000, 0, 0.0, 2.0).voice is VoiceForm.red
    assert budget.split(500_000, 500_000, 0, 0.0, 2.0 + RED_HOLD_SECONDS).voice is VoiceForm.plain
    assert budget.split(100_000, 100_000, 0, 0.03, 40.0).voice is VoiceForm.paired
    assert budget.split(90_000, 90_000, 0, 0.03, 40.1).voice is VoiceForm.tripled
    assert budget.split(110_000, 110_000, 0, 0.03, 40.2).voice is VoiceForm.tripled
    assert budget.split(60_000, 60_000, 0, 0.03, 40.3).voice is VoiceForm.quadrupled
    assert budget.split(70_000, 70_000, 0, 0.03, 40.4).voice is VoiceForm.quadrupled
    assert budget.split(110_000, 110_000, 0, 0.03, 40.5).voice is VoiceForm.tripled
    assert budget.split(200_000, 200_000, 0, 0.03, 41.0).voice is VoiceForm.paired
    assert budget.split(RED_ABOVE + 1, RED_ABOVE + 1, 0, 0.0, 42.0).voice is VoiceForm.red


def test_sound_goes_on_into_a_silence_and_then_only_knocks() -> None:
    """A second of sound into an outage, then ten packets a second; padding looks for the network meanwhile."""
    road = Road(LIMITS)
    road.begin(0.0)
    for i in range(20):
        road.stamp(1000, i * 0.01)
        road.tick(i * 0.01)
    now, spoken, knocks = 0.2, 0, 0
    while now < 5.0:
        road.tick(now)
        spoken += now > 3.0 and road.may_speak(now)
        if size := road.padding(now):
            road.pad(size, now)
            knocks += now > 3.0
        now += 0.02
    assert road.blind
    assert not road.may_send(now)
    assert spoken <= 21
    assert 15 <= knocks <= 21


def test_the_log_of_decisions_replays_byte_for_byte() -> None:
    """A call with loss, an outage and trains, written down: the controller says the same again."""
    lines: list[str] = []
    play(LINKS["out4"], Ours(lines.append), None, 26.0)
    assert len(lines) > 500
    assert any(json.loads(line)["decision"]["blind"] for line in lines[1:])
    assert list(replay(lines)) == lines


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"at":1,"sent":[],"feedback":"zz"}', '{"at":1,"sent":[[1]]}'])
def test_a_line_that_is_none_is_named(line: str) -> None:
    """BadLog says which."""
    with pytest.raises(BadLog, match="line 2"):
        list(replay(['{"limits":[1,2,3]}', line]))


def test_a_log_with_another_controllers_decision_is_told_apart() -> None:
    """One changed decision is one changed line."""
    lines: list[str] = []
    play(LINKS["400k"], Ours(lines.append), None, 3.0)
    chosen = random.Random(1).randrange(1, len(lines))
    changed = [line.replace('"why":"', '"why":"x') if i == chosen else line for i, line in enumerate(lines)]
    assert [i for i, (a, b) in enumerate(zip(changed, replay(changed), strict=True)) if a != b] == [chosen]

"""The parts of signalling without I/O: numbers, sessions, calls, the waiting room, frames, rates."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from protocol.limits import SIGNALLING_MESSAGE_BYTES, SIGNALLING_RESUME_SECONDS
from protocol.signalling import FrameFromDoctor, FrameToVehicle, Nothing, Refusal, Role, TakeCall, Welcome
from protocol.values import Reason, Urgency
from relay.rate import TokenBucket
from relay.signalling.calls import REJOIN_SECONDS, STEPS, Call, CallState, RejoinPace, Step
from relay.signalling.frames import FrameRefused, decode, encode
from relay.signalling.numbering import Arrival, BacklogFull, Inbox, Outbox
from relay.signalling.presence import Presence
from relay.signalling.sessions import Session, Sessions
from relay.signalling.waiting import Waiting, ordered, places

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class LossyConversation(RuleBasedStateMachine):
    """A sender with an Outbox and a receiver with an Inbox over a line that breaks at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox: Outbox[int] = Outbox(50)
        self.inbox = Inbox()
        self.on_the_line: list[tuple[int, int]] = []
        self.said = 0
        self.received: list[int] = []

    @rule()
    @precondition(lambda self: self.said - self.inbox.seen < 50)
    def say(self) -> None:
        try:
            n = self.outbox.put(self.said + 1)
        except BacklogFull:
            return
        self.said += 1
        self.on_the_line.append((n, self.said))

    @rule()
    @precondition(lambda self: self.on_the_line)
    def arrive(self) -> None:
        n, body = self.on_the_line.pop(0)
        if self.inbox.judge(n) is Arrival.expected:
            self.received.append(body)
            self.inbox.done(n)
        else:
            assert self.inbox.judge(n) is Arrival.again

    @rule()
    def acknowledge(self) -> None:
        assert self.outbox.acknowledged(self.inbox.seen)

    @rule()
    def break_and_resume(self) -> None:
        assert self.outbox.reaches(self.inbox.seen)
        self.outbox.acknowledged(self.inbox.seen)
        self.on_the_line = list(self.outbox.kept())

    @invariant()
    def in_order_once_each(self) -> None:
        assert self.received == list(range(1, len(self.received) + 1))

    def teardown(self) -> None:
        self.break_and_resume()
        while self.on_the_line:
            self.arrive()
        assert self.received == list(range(1, self.said + 1))


TestLossyConversation = LossyConversation.TestCase


def test_an_outbox_refuses_to_grow_past_its_limit() -> None:
    """A full backlog is an error value; acknowledging makes room again."""
    outbox: Outbox[str] = Outbox(2)
    outbox.put("a")
    outbox.put("b")
    with pytest.raises(BacklogFull):
        outbox.put("c")
    assert outbox.acknowledged(1)
    assert outbox.put("c") == 3
    assert not outbox.acknowledged(4)
    assert not outbox.reaches(0)
    assert not outbox.reaches(4)
    assert outbox.reaches(1)


def test_a_frame_ahead_is_not_taken() -> None:
    """A hole in the numbers is seen; frame 0 is not numbered."""
    inbox = Inbox()
    assert inbox.judge(2) is Arrival.too_early
    assert inbox.judge(0) is Arrival.unnumbered
    with pytest.raises(ValueError, match="frame 2"):
        inbox.done(2)


def opened() -> tuple[Sessions[str], Session[str], str]:
    sessions: Sessions[str] = Sessions()
    session, token = sessions.open(Role.doctor, "d-anne", "s1")
    return sessions, session, token


def test_a_vehicle_of_before_there_were_guests_understands_its_welcome() -> None:
    """It refuses a field it does not know, and with it every connection: nothing of a guest's stands in its welcome."""
    welcome = Welcome(session="s", resume_token="t", resumed=False, last_seen=0, server_time=datetime.now(UTC))
    then = {"type", "session", "resume_token", "resumed", "last_seen", "server_time", "ice_servers", "doctor",
            "vehicle"}
    text = encode(Role.vehicle, 0, 0, welcome)
    assert set(msgspec.json.decode(text)["body"]) == then
    assert msgspec.json.decode(text, type=FrameToVehicle).body == welcome
    assert msgspec.json.decode(encode(Role.guest, 0, 0, welcome))["body"]["guest"] is None


def test_only_the_owner_with_its_token_resumes() -> None:
    """Another token, owner, sign-in, session or a number that was never sent starts anew."""
    sessions, session, token = opened()
    session.outbox.put("a")
    right: dict[str, Any] = {"role": Role.doctor, "owner": "d-anne", "sign_in": "s1",
                             "session_id": session.session_id, "token": token, "last_seen": 0}
    for name, value in (("token", "x"), ("token", ""), ("owner", "d-paul"), ("sign_in", "s2"),
                        ("session_id", "other"), ("last_seen", 2), ("role", Role.vehicle)):
        assert sessions.resume(**{**right, name: value}) is None
    assert sessions.resume(**right) is not None


def test_a_lost_welcome_does_not_lose_the_session() -> None:
    """The token before the newest still resumes; the one before that does not."""
    sessions, session, first = opened()
    name = session.session_id
    resumed = sessions.resume(Role.doctor, "d-anne", "s1", name, first, 0)
    assert resumed is not None
    assert sessions.resume(Role.doctor, "d-anne", "s1", name, first, 0) is not None
    assert sessions.resume(Role.doctor, "d-anne", "s1", name, resumed[1], 0) is not None
    assert sessions.resume(Role.doctor, "d-anne", "s1", name, first, 0) is None


def test_the_resume_token_is_kept_as_a_hash_only() -> None:
    """Whoever reads the relay's memory of a session finds no token to use."""
    _, session, token = opened()
    assert token.encode() not in b"".join(session.token_hashes)
    assert token not in repr(session)


def test_a_session_waits_for_its_time_and_no_longer() -> None:
    """Absent clients expire; those who are here do not."""
    sessions, session, _ = opened()
    assert sessions.expire(1e9) == []
    sessions.went(session, 100.0)
    assert sessions.expire(100.0 + SIGNALLING_RESUME_SECONDS - 0.1) == []
    assert sessions.expire(100.0 + SIGNALLING_RESUME_SECONDS) == [session]
    assert sessions.of(Role.doctor, "d-anne") is None


def test_ending_an_old_session_leaves_the_new_one() -> None:
    """The replaced page's late goodbye does not end its successor."""
    sessions, old, _ = opened()
    new, _ = sessions.open(Role.doctor, "d-anne", "s1")
    sessions.end(old)
    assert sessions.of(Role.doctor, "d-anne") is new


def test_a_call_ends_once() -> None:
    """No state follows an ended call."""
    call = Call("c", "e", "v", "d")
    for finished, state in ((True, CallState.finished), (False, CallState.left)):
        ended = call.ended(finished=finished)
        assert ended.state is state
        assert STEPS[state] == frozenset()
        with pytest.raises(ValueError, match="cannot become"):
            ended.ended(finished=not finished)


@given(st.integers(1, 1000), st.integers(-5, 1010))
def test_only_the_newest_generation_passes(current: int, heard: int) -> None:
    """Older is dropped, newer than known is refused, ended hears nothing."""
    call = Call("c", "e", "v", "d", generation=current)
    expected = Step.made if heard == current else Step.ahead if heard > current else Step.stale
    assert call.heard(heard) is expected
    assert call.rejoined().generation == current + 1
    assert call.ended(finished=True).heard(current) is Step.stale


def test_only_the_two_ends_are_peers() -> None:
    """A doctor's identifier says nothing in the vehicle's role."""
    call = Call("c", "e", "v", "d")
    assert call.peer_of(Role.vehicle, "v")
    assert call.peer_of(Role.doctor, "d")
    assert not call.peer_of(Role.doctor, "v")
    assert not call.peer_of(Role.vehicle, "d")


@given(st.lists(st.floats(0, 3, allow_nan=False), max_size=30))
def test_generations_keep_their_pace(delays: list[float]) -> None:
    """However often both ends ask, two generations are never closer than the pace."""
    pace, now, raised = RejoinPace(), 0.0, []
    for delay in delays:
        now += delay
        if pace.wait("c", now) == 0.0:
            pace.raised("c", now)
            raised.append(now)
    assert all(b - a >= REJOIN_SECONDS - 1e-9 for a, b in itertools.pairwise(raised))


entries = st.builds(Waiting, encounter_id=st.from_regex(r"\A[a-z]{1,6}\Z"), vehicle_id=st.just("v"),
                    reason=st.sampled_from(Reason), urgency=st.sampled_from(Urgency),
                    since=st.integers(0, 500).map(lambda s: START + timedelta(seconds=s)),
                    doctor_id=st.sampled_from(["", "d-anne"]))


@given(st.lists(entries, unique_by=lambda e: e.encounter_id, max_size=20), st.randoms())
def test_the_order_does_not_depend_on_arrival(found: list[Waiting], shuffle: Any) -> None:
    """Whatever the order of arrival, the queue is the same, and places count those who wait from 1."""
    shuffled = list(found)
    shuffle.shuffle(shuffled)
    assert ordered(found) == ordered(shuffled)
    counted = places(found)
    assert sorted(counted.values()) == list(range(1, len(counted) + 1))
    assert set(counted) == {entry.encounter_id for entry in found if not entry.doctor_id}
    rank = {Urgency.urgent: 0, Urgency.soon: 1, Urgency.routine: 2}
    keys = [(rank[entry.urgency], entry.since) for entry in ordered(found)]
    assert keys == sorted(keys)


@given(st.lists(st.floats(0, 10, allow_nan=False), max_size=200))
def test_a_bucket_never_gives_more_than_burst_and_rate(delays: list[float]) -> None:
    """Over any time the tokens taken are at most the burst and the rate times the time."""
    bucket, now, taken = TokenBucket(rate=2.0, burst=5, now=0.0), 0.0, 0
    for delay in delays:
        now += delay
        taken += bucket.take(now)
        assert taken <= 5 + 2.0 * now + 1e-6


def test_a_bucket_says_how_long_to_wait() -> None:
    """An empty bucket gives again after the time it said; a clock that jumps back changes nothing."""
    bucket = TokenBucket(rate=0.5, burst=1, now=10.0)
    assert bucket.take(10.0)
    assert bucket.wait(10.0) == 2.0
    assert not bucket.take(5.0)
    assert bucket.take(12.0)


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_gets_past_the_decoder_but_a_frame(data: str | bytes) -> None:
    """Anything is a frame or a coded refusal, never another error."""
    for role in Role:
        code = "frame.fits"
        try:
            decode(data, role)
        except FrameRefused as refused:
            code = refused.code
        assert code.startswith("frame.")


def test_a_frame_cut_at_any_place_is_refused() -> None:
    """Truncation is never taken for a shorter message."""
    whole = msgspec.json.encode(FrameFromDoctor(n=3, ack=2, body=TakeCall(encounter_id="e1"))).decode()
    assert decode(whole, Role.doctor).n == 3
    for length in range(len(whole)):
        with pytest.raises(FrameRefused) as refused:
            decode(whole[:length], Role.doctor)
        assert refused.value.code == "frame.malformed"


def test_size_is_counted_in_bytes() -> None:
    """Letters of three bytes do not triple the limit."""
    with pytest.raises(FrameRefused) as refused:
        decode("€" * (SIGNALLING_MESSAGE_BYTES // 3 + 1), Role.doctor)
    assert refused.value.code == "frame.too_large"


class Wire:
    """A line that remembers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ended: int | None = None

    def offer(self, text: str) -> None:
        self.texts.append(text)

    def end(self, code: int) -> None:
        self.ended = code


def test_presence_keeps_what_an_absent_client_misses() -> None:
    """A numbered message waits for the client, a snapshot does not; a full backlog ends the session."""
    presence = Presence(lambda: 0.0)
    client, _ = presence.sessions.open(Role.doctor, "d-anne", "s1")
    assert presence.tell(Role.doctor, "d-anne", Refusal(code="call.gone")) == (client, 1)
    presence.show(client, Nothing())
    wire = Wire()
    presence.attach(client, wire)
    presence.replay(client)
    assert wire.texts == [encode(Role.doctor, 1, 0, Refusal(code="call.gone"))]
    for _ in range(300):
        presence.tell(Role.doctor, "d-anne", Refusal(code="call.gone"))
    assert wire.ended == 1013
    assert presence.tell(Role.doctor, "d-anne", Nothing()) is None


def test_a_new_line_takes_the_session_over() -> None:
    """The old socket is closed, and its end is not the client's end."""
    presence = Presence(lambda: 0.0)
    client, _ = presence.sessions.open(Role.vehicle, "v1", "")
    old, new = Wire(), Wire()
    presence.attach(client, old)
    presence.attach(client, new)
    assert old.ended == 1008
    assert not presence.detach(client, old)
    assert presence.attached(Role.vehicle, "v1")
    assert presence.detach(client, new)
    assert client.away_since == 0.0

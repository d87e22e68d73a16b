"""The numbering of the signalling socket, both pure ends joined in memory."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.frames import FrameError, LinkFrames
from protocol.signalling import (
    CallLeft,
    FrameFromVehicle,
    FrameToVehicle,
    FromVehicle,
    Hello,
    Nothing,
    Place,
    ToVehicle,
    VehicleHealth,
    Welcome,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RelayEnd:
    """The relay's half of the numbering, from the words of `protocol/signalling.py`."""

    def __init__(self) -> None:
        self.sessions = 0
        self.session: str | None = None
        self.got: list[FromVehicle] = []
        self.seen = 0
        self.kept: deque[FrameToVehicle] = deque()
        self.last = 0
        self.sent_through = 0

    def hello(self, hello: Hello) -> Welcome:
        resumed = hello.session is not None and hello.session == self.session
        if not resumed:
            self.sessions += 1
            self.session = f"s{self.sessions}"
            self.seen = self.last = 0
            self.kept.clear()
        else:
            while self.kept and self.kept[0].n <= hello.last_seen:
                self.kept.popleft()
        self.sent_through = hello.last_seen if resumed else 0
        return Welcome(session=self.session or "", resume_token="t", resumed=resumed, last_seen=self.seen,
                       server_time=NOW)

    def push(self, body: ToVehicle) -> None:
        self.last += 1
        self.kept.append(FrameToVehicle(n=self.last, ack=0, body=body))

    def due(self) -> list[FrameToVehicle]:
        frames = [FrameToVehicle(n=f.n, ack=self.seen, body=f.body) for f in self.kept if f.n > self.sent_through]
        self.sent_through = self.last
        return frames

    def take(self, frame: FrameFromVehicle) -> None:
        while self.kept and self.kept[0].n <= frame.ack:
            self.kept.popleft()
        if frame.n == 0 or frame.n <= self.seen:
            return
        assert frame.n == self.seen + 1, "the vehicle left a hole"
        self.seen = frame.n
        self.got.append(frame.body)


def welcome(frames: LinkFrames, relay: RelayEnd) -> Welcome:
    hello = frames.hello().body
    assert isinstance(hello, Hello)
    answer = relay.hello(hello)
    for acknowledged in frames.welcome(answer):
        acknowledged()
    return answer


def left(number: int) -> CallLeft:
    return CallLeft(call_id=f"c{number}", finished=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["say", "hear", "up", "down", "break"]), st.integers(0, 5)), max_size=80))
def test_each_message_arrives_once_and_in_order_across_breaks(steps: list[tuple[str, int]]) -> None:
    """Whatever is lost with a socket, a resumed session delivers every message once, in order, both ways."""
    frames, relay = LinkFrames(), RelayEnd()
    said: list[FromVehicle] = []
    heard: list[ToVehicle] = []
    told: list[ToVehicle] = []
    confirmed: list[int] = []
    welcome(frames, relay)
    sent = 0
    for step, amount in [*steps, ("break", 0), ("up", 999), ("down", 999), ("up", 999), ("down", 999)]:
        if step == "say":
            number = len(said)
            said.append(left(number))
            frames.push(said[-1], lambda number=number: confirmed.append(number))  # type: ignore[misc]
        elif step == "hear":
            told.append(Place(encounter_id="e", place=len(told) + 1, doctors=0))
            relay.push(told[-1])
        elif step == "up":
            for frame in [*frames.after(sent), frames.ack()][:amount]:
                relay.take(frame)
                sent = max(sent, frame.n)
        elif step == "down":
            due = relay.due()
            for coming in due[:amount]:
                body, acknowledged = frames.take(coming)
                for callback in acknowledged:
                    callback()
                if body is not None:
                    heard.append(body)
                    frames.done(frames.session, coming.n)
            for callback in frames.take(FrameToVehicle(n=0, ack=relay.seen, body=Nothing()))[1]:
                callback()
            if len(due) > amount:
                relay.sent_through = due[amount].n - 1
        else:
            assert welcome(frames, relay).resumed
            sent = frames.last - frames.unacknowledged
    assert relay.got == said
    assert heard == told
    assert confirmed == list(range(len(said)))
    assert frames.unacknowledged == 0


def test_a_message_is_acknowledged_only_when_its_handler_returned() -> None:
    """I1: what was taken but not handled is neither acknowledged nor claimed as seen when resuming."""
    frames, relay = LinkFrames(), RelayEnd()
    welcome(frames, relay)
    relay.push(Place(encounter_id="e", place=1, doctors=1))
    frames.take(relay.due()[0])
    assert frames.ack().ack == 0
    hello = frames.hello().body
    assert isinstance(hello, Hello)
    assert hello.last_seen == 0
    frames.done(frames.session, 1)
    assert frames.ack_due
    assert frames.ack().ack == 1
    assert not frames.ack_due


def test_a_handler_of_a_lost_session_acknowledges_nothing() -> None:
    """Numbers of a session that is gone say nothing about the next one."""
    frames, relay = LinkFrames(), RelayEnd()
    welcome(frames, relay)
    old = frames.session
    relay.session = None
    welcome(frames, relay)
    frames.done(old, 5)
    assert frames.ack().ack == 0


def test_a_lost_session_carries_over_what_no_snapshot_repeats() -> None:
    """After a relay restart facts go again from 1, and what belonged to the old session does not."""
    frames, relay = LinkFrames(), RelayEnd()
    welcome(frames, relay)
    confirmed: list[str] = []
    frames.push(VehicleHealth(release="1"), lambda: confirmed.append("health"))
    frames.push(left(1), lambda: confirmed.append("left"))
    relay.session = None
    assert not welcome(frames, relay).resumed
    assert [(frame.n, frame.body) for frame in frames.after(0)] == [(1, left(1))]
    frames.take(FrameToVehicle(n=0, ack=1, body=Nothing()))[1][0]()
    assert confirmed == ["left"]


def test_a_full_buffer_gives_the_session_up() -> None:
    """Past its capacity the buffer keeps facts only and the next hello asks for a new session."""
    frames, relay = LinkFrames(capacity=4), RelayEnd()
    welcome(frames, relay)
    for _ in range(4):
        frames.push(VehicleHealth(release="1"))
    frames.push(left(1))
    assert frames.session is None
    assert frames.unacknowledged == 1
    for number in range(20):
        frames.push(left(number))
    assert frames.unacknowledged <= 4


def test_a_hole_in_the_numbers_is_an_error_with_a_name() -> None:
    """A frame that skips a number closes the socket, it is not guessed over."""
    frames, relay = LinkFrames(), RelayEnd()
    welcome(frames, relay)
    with pytest.raises(FrameError) as caught:
        frames.take(FrameToVehicle(n=2, ack=0, body=Nothing()))
    assert caught.value.code == "link.gap"


def test_an_acknowledgement_of_what_was_never_sent_is_refused() -> None:
    """A relay that acknowledges the future has lost its mind: the session is given up."""
    frames, relay = LinkFrames(), RelayEnd()
    welcome(frames, relay)
    with pytest.raises(FrameError) as caught:
        frames.take(FrameToVehicle(n=0, ack=7, body=Nothing()))
    assert caught.value.code == "link.acknowledged_unsent"
    assert frames.session is None

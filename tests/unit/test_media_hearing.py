"""Whether the bus can be heard, by the levels its packets say and the time it is given."""

from __future__ import annotations

from gateway.media.hearing import DIGITAL_SILENCE, MISSING_SECONDS, SILENT_SECONDS, Hearing

PACKET = 0.02


def speak(hearing: Hearing, level: int | None, since: float, seconds: float, every: float = PACKET) -> float:
    """Packets of one level; the time of the last."""
    now = since
    while now < since + seconds:
        hearing.packet(level, now)
        now += every
    return now - every


def test_without_packets_it_is_missing_and_comes_back_with_the_first() -> None:
    """A page without a microphone sends nothing; a word after that is heard at once."""
    hearing = Hearing()
    assert hearing.code(100.0) == "microphone.missing"
    last = speak(hearing, 40, 100.0, 1.0)
    assert hearing.code(last + MISSING_SECONDS - 0.1) is None
    assert hearing.code(last + MISSING_SECONDS) == "microphone.missing"
    hearing.packet(40, 200.0)
    assert hearing.code(200.0) is None


def test_zeros_for_five_seconds_are_a_dead_microphone_and_one_sound_mends_it() -> None:
    """A microphone that is switched off gives digital silence, also with one packet each 400 ms (DTX)."""
    hearing = Hearing()
    began = speak(hearing, 60, 0.0, 2.0)
    last = speak(hearing, DIGITAL_SILENCE, began, SILENT_SECONDS + 0.5, every=0.4)
    assert hearing.code(began + SILENT_SECONDS - 0.1) is None
    assert hearing.code(last) == "microphone.silent"
    hearing.packet(DIGITAL_SILENCE - 1, last + 0.02)
    assert hearing.code(last + 0.02) is None


def test_a_quiet_room_is_not_a_dead_microphone() -> None:
    """The faintest sound the extension can say, for an hour."""
    hearing = Hearing()
    assert hearing.code(speak(hearing, 126, 0.0, 3600, every=0.4)) is None


def test_a_browser_that_says_no_levels_is_never_called_silent() -> None:
    """Without levels nobody can tell; only what does not come is known."""
    hearing = Hearing()
    last = speak(hearing, None, 0.0, 60, every=0.4)
    assert hearing.code(last) is None
    assert hearing.code(last + MISSING_SECONDS) == "microphone.missing"


def test_what_was_silent_because_nobody_was_to_be_heard_does_not_count() -> None:
    """After a muted minute, or the first packet of a new page, the five seconds begin anew."""
    hearing = Hearing()
    last = speak(hearing, DIGITAL_SILENCE, 0.0, 60)
    assert hearing.code(last) == "microphone.silent"
    hearing.anew(last)
    assert hearing.code(last) is None
    last = speak(hearing, DIGITAL_SILENCE, last + 100, 1.0)
    assert hearing.code(last) is None

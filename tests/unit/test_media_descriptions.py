"""Offers, answers, candidates, interfaces, configuration: text and values in, values or codes out."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.config import CameraConfig, CameraKind, MediaConfig
from gateway.media.events import MediaRefused
from gateway.media.interfaces import ADDRESSES_MAX, Interface, choose
from gateway.media.sdp import (
    CANDIDATES_MAX,
    DELAY_ID,
    DELAY_URI,
    agreed,
    check_answer,
    finish_offer,
    read_candidate,
)

PRINT = "sha-256 " + ":".join(["AB"] * 32)
SECTION = ("m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n"
           "a=ice-pwd:0123456789012345678901\r\na=fingerprint:" + PRINT + "\r\na=setup:active\r\na=mid:{mid}\r\n")
KINDS = ("audio", "video")
ANSWER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" + "".join(
    SECTION.format(kind=kind, mid=mid) for mid, kind in enumerate(KINDS))
CANDIDATE = "candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0"


def outcome(call: Callable[[], object]) -> str:
    """`taken`, or the code of the refusal."""
    try:
        call()
    except MediaRefused as refused:
        return refused.code
    return "taken"


def test_a_browsers_answer_passes() -> None:
    """A sound answer comes back as it was."""
    assert check_answer(ANSWER, KINDS) == ANSWER


@pytest.mark.parametrize(("change", "code"), [
    (("v=0", "x=0"), "media.sdp_bad"),
    (("m=video", "m=audio"), "media.sdp_bad"),
    (("m=video 9 UDP/TLS/RTP/SAVPF 96", "m=video"), "media.sdp_bad"),
    (("m=video 9 ", "m=video 0 "), "media.codec_missing"),
    (("a=setup:active", "a=setup:actpass"), "media.sdp_bad"),
    (("a=ice-pwd:0123456789012345678901\r\n", ""), "media.sdp_bad"),
    (("a=mid:1\r\n", ""), "media.sdp_bad"),
    ((PRINT, "sha-1 AB:CD"), "media.fingerprint_bad"),
    ((f"a=fingerprint:{PRINT}\r\n", ""), "media.fingerprint_bad"),
    (("t=0 0\r\n", "t=0 0\r\na=fingerprint:sha-256 " + ":".join(["CD"] * 32) + "\r\n"), "media.fingerprint_bad"),
    (("t=0 0", "t=0 0\r\na=x:" + "y" * 40_000), "media.sdp_bad"),
    (("t=0 0", "t=0 0\r\na=candidate:nonsense"), "media.candidate_bad"),
])
def test_a_bad_answer_has_a_code(change: tuple[str, str], code: str) -> None:
    """Each way an answer can fail our offer has its stable code."""
    broken = ANSWER.replace(*change)
    assert broken != ANSWER
    with pytest.raises(MediaRefused) as refused:
        check_answer(broken, KINDS)
    assert refused.value.code == code


@given(st.text(max_size=300))
def test_no_text_breaks_the_check(text: str) -> None:
    """Arbitrary text after a sound head is refused with a code or taken, never a crash."""
    for sdp in (text, "v=0\r\n" + text, ANSWER + text):
        assert re.fullmatch(r"taken|media\.[a-z_]+", outcome(lambda sdp=sdp: check_answer(sdp, KINDS)))


@given(st.text(max_size=120))
def test_no_candidate_text_breaks_the_reader(text: str) -> None:
    """As above for a candidate message."""
    for value in (text, "candidate:" + text, CANDIDATE + " " + text):
        assert outcome(lambda value=value: read_candidate(value)) in ("taken", "media.candidate_bad")


def test_candidates_of_no_use_are_left_out() -> None:
    """mDNS names and TCP are dropped, UDP stays, and there is a cap."""
    usable = f"a={CANDIDATE}\r\n"
    useless = usable.replace("192.0.2.7", "1b.local") + usable.replace("udp", "tcp")
    extra = usable + useless + "a=end-of-candidates\r\n"
    assert check_answer(ANSWER + extra, KINDS) == ANSWER + usable
    many = check_answer(ANSWER + usable * 100, KINDS)
    assert many.count("a=candidate:") == CANDIDATES_MAX


def test_our_offer_says_how_we_want_opus() -> None:
    """Mono, 24 kbit/s, FEC, DTX and NACK stand behind the rtpmap of Opus, and nowhere else."""
    done = finish_offer("v=0\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 VP8/90000\r\n")
    assert done.count("a=fmtp:96 ") == 1
    assert "useinbandfec=1;usedtx=1;stereo=0" in done
    assert "maxaveragebitrate=24000" in done
    assert "a=rtcp-fb:96 nack\r\n" in done
    assert done.endswith("a=rtpmap:97 VP8/90000\r\n")


LO = Interface("lo", True, ("127.0.0.1", "::1"))
ETH = Interface("enp3s0", True, ("192.0.2.5", "2001:db8::5", "fe80::1"))
WWAN = Interface("wwan0", True, ("198.51.100.9",))
DOWN = Interface("eth9", False, ("203.0.113.1",))
VIRTUAL = tuple(Interface(name, True, ("172.17.0.1",)) for name in ("docker0", "veth12", "br-3f", "virbr0", "tun0"))
ALL = (LO, ETH, WWAN, DOWN, *VIRTUAL)


@pytest.mark.parametrize(("wanted", "addresses"), [
    ((), ["192.0.2.5", "2001:db8::5", "198.51.100.9"]),
    (("*",), ["192.0.2.5", "2001:db8::5", "198.51.100.9"]),
    (("lo",), ["127.0.0.1"]),
    (("lo", "*"), ["127.0.0.1", "192.0.2.5", "2001:db8::5", "198.51.100.9"]),
    (("wwan0",), ["198.51.100.9"]),
    (("tun0",), ["172.17.0.1"]),
    (("eth9",), []),
    (("nothing0",), []),
])
def test_interfaces(wanted: tuple[str, ...], addresses: list[str]) -> None:
    """Physical and up by default; loopback, virtual ones and tunnels only by name; never link-local."""
    assert [chosen.address for chosen in choose(ALL, wanted)] == addresses


def test_addresses_are_capped() -> None:
    """A machine with dozens of addresses does not open dozens of sockets."""
    crowd = Interface("eth0", True, tuple(f"192.0.2.{i}" for i in range(1, 60)))
    assert len(choose((crowd,), ())) == ADDRESSES_MAX


@pytest.mark.parametrize("source", ["", "camera", "http://x", "v4l2:", "tcp://host", "tcp://h:0", "tcp://h:99999"])
def test_bad_camera_sources_are_refused(source: str) -> None:
    """A source that is none of the three kinds never becomes a value."""
    with pytest.raises(ValueError, match="camera source"):
        CameraConfig(source)


def test_camera_values() -> None:
    """Kinds and addresses as the library opens them; odd or giant sides and odd rates are refused."""
    assert CameraConfig("v4l2:/dev/v4l/by-id/usb-cam").address == "/dev/v4l/by-id/usb-cam"
    assert CameraConfig("tcp://127.0.0.1:9000").kind is CameraKind.tcp
    assert CameraConfig("tcp://127.0.0.1:9000").address == "tcp://127.0.0.1:9000"
    for bad in ({"width": 641}, {"height": 0}, {"width": 9000}, {"frames_per_second": 0}, {"frames_per_second": 500}):
        with pytest.raises(ValueError, match=r"camera side|pictures a second"):
            CameraConfig("file:x.mkv", **bad)


def test_rates_must_be_ordered() -> None:
    """A floor above the start is a configuration error."""
    with pytest.raises(ValueError, match="kbit/s"):
        MediaConfig(CameraConfig("file:x.mkv"), floor_kbps=900, start_kbps=500)


OFFERED = ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=sendrecv\r\na=rtpmap:96 opus/48000/2\r\n"
           "m=video 9 UDP/TLS/RTP/SAVPF 97 98\r\na=sendonly\r\na=rtpmap:97 H264/90000\r\na=rtpmap:98 rtx/90000\r\n"
           "m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=recvonly\r\na=rtpmap:99 VP8/90000\r\n"
           "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=rtpmap:96 opus/48000/2\r\n")


def test_a_doctors_offer_asks_for_transport_feedback_on_what_is_only_sent() -> None:
    """Picture and stethoscope are numbered; voice and the doctor's picture are not, the voice has RED behind Opus."""
    _, voice, room, doctor, stethoscope = finish_offer(OFFERED, wide=True).split("m=")
    assert "transport-cc" not in voice + doctor
    assert "a=rtcp-fb:97 transport-cc" in room
    assert "a=rtcp-fb:109 transport-cc" in stethoscope
    assert room.count("a=extmap:5 http") == stethoscope.count("a=extmap:5 http") == 1
    assert (room.count(f"a=extmap:{DELAY_ID} {DELAY_URI}"), stethoscope.count(DELAY_URI)) == (1, 0)
    assert voice.startswith("audio 9 UDP/TLS/RTP/SAVPF 96 63\r\n")
    assert "a=rtpmap:63 red/48000/2\r\na=fmtp:63 96/96" in voice
    assert "transport-cc" not in finish_offer(OFFERED)
    assert " 63" not in finish_offer(OFFERED)


def test_what_an_answer_grants_is_read() -> None:
    """Both the extension and the feedback make an m-line numbered; RED counts when the voice's line has it; a picture
    is shown at once where the playout delay was taken."""
    uri = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
    answer = ("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96 63\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n"
              f"m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=extmap:5 {uri}\r\na=rtcp-fb:97 transport-cc\r\n"
              f"m=video 9 UDP/TLS/RTP/SAVPF 99\r\na=extmap:5 {uri}\r\n")
    told = agreed(answer)
    assert (told.numbered, told.prompt) == ({1}, frozenset())
    assert agreed(answer + f"a=extmap:{DELAY_ID} {DELAY_URI}\r\n").prompt == {2}
    assert (told.red, told.opus_type) == (True, 96)
    assert agreed(answer.replace(" 96 63", " 96")).red is False
    assert agreed("v=0\r\n").numbered == frozenset()

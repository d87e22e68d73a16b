"""Session descriptions as text: what we add to our offers, what we refuse in answers. Pure (RFC 8866, RFC 9429)."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .congestion.feedback import URI
from .events import MediaRefused

SDP_BYTES = 32 * 1024
"""As `protocol.signalling.Sdp`: an answer with 30 candidates is about 6 KiB."""

CANDIDATES_MAX = 64
"""Interfaces times families times servers of a laptop is about 20; more only costs checks."""

OPUS_WISHES = "minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0;maxaveragebitrate=24000"
"""RFC 7587, section 6.1: one voice, mono, 24 kbit/s, redundancy against loss, nothing in silence."""

SOUND_WISHES = "minptime=20;useinbandfec=0;usedtx=0;stereo=0;sprop-stereo=0;maxplaybackrate=48000"
"""What the stethoscope's sound is: full band, no silence left out, no redundancy at the cost of sound."""

SOUND_PAYLOAD_TYPE = 109
"""One type has one format in all m-lines of a bundle (RFC 8843, section 10.1.2): the voice's has another."""

RED_PAYLOAD_TYPE = 63
"""Of the voice with redundancy (RFC 2198): the one browsers use themselves."""

NUMBERS_ID, DELAY_ID = 5, 6
"""The header extensions of transport-wide numbers and of the playout delay; the library's own are 1 to 3."""

DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
"""How long a picture may wait at the receiver for what comes late."""

_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_FINGERPRINT = re.compile(r"sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}", re.IGNORECASE)
_SETUPS = {"active", "passive"}
_NUMBERED = re.compile(r"a=(rtpmap|fmtp|extmap):(\S*?)(?:/\w+)?(?: |$)")
_NUMBERS = {"rtpmap": range(128), "fmtp": range(128), "extmap": range(1, 256)}
"""Payload types have seven bits (RFC 3550, section 5.1), header extensions one octet (RFC 8285, section 4.3)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A remote ICE candidate we can use: UDP, an address literal (RFC 8839, section 5.1)."""

    text: str


def finish_offer(sdp: str, *, wide: bool = False) -> str:
    """Our offer with what the library does not write: how we want Opus, and NACK for sound.

    Sound that is only sent is the stethoscope's, or to the kiosk a guest's, which no wish changes any more. The answer
    brings its payload type back to the library.
    `wide`: transport-wide feedback for what is only sent (a browser that numbers its own packets would wait for
    ours), and redundancy for the voice.
    """
    lines: list[str] = []
    for section in _sections(sdp):
        instrument = bool(section) and section[0].startswith("m=audio") and "a=sendonly" in section
        done: list[str] = []
        for line in section:
            done.append(line)
            match = re.fullmatch(r"a=rtpmap:(\d+) opus/48000/2", line, re.IGNORECASE)
            if match:
                done.append(f"a=rtcp-fb:{match[1]} nack")
                done.append(f"a=fmtp:{match[1]} {SOUND_WISHES if instrument else OPUS_WISHES}")
                if wide and not instrument:
                    done[0] += f" {RED_PAYLOAD_TYPE}"
                    done.append(f"a=rtpmap:{RED_PAYLOAD_TYPE} red/48000/2")
                    done.append(f"a=fmtp:{RED_PAYLOAD_TYPE} {match[1]}/{match[1]}")
            codec = re.fullmatch(r"a=rtpmap:(\d+) (?:opus|H264|VP8)/\d+(?:/2)?", line, re.IGNORECASE)
            if wide and codec and "a=sendonly" in section:
                if f"a=extmap:{NUMBERS_ID} {URI}" not in done:
                    done.append(f"a=extmap:{NUMBERS_ID} {URI}")
                    if section[0].startswith("m=video"):
                        done.append(f"a=extmap:{DELAY_ID} {DELAY_URI}")
                done.append(f"a=rtcp-fb:{codec[1]} transport-cc")
        lines += _renumbered(done) if instrument else done
    return "\r\n".join([*lines, ""])


@dataclass(frozen=True, slots=True)
class Agreed:
    """What of our wishes an answer grants: the m-lines (by index) whose packets are reported on, those whose pictures
    are shown at once when we say so, RED for the voice and the payload type of the Opus inside."""

    numbered: frozenset[int]
    prompt: frozenset[int]
    red: bool
    opus_type: int


def agreed(sdp: str) -> Agreed:
    """Read from an answer that `check_answer` let pass."""
    numbered, prompt = set[int](), set[int]()
    red, opus = False, 0
    for index, section in enumerate(_sections(sdp)[1:]):
        extended = _extended(section, NUMBERS_ID, URI)
        reported = any(re.fullmatch(r"a=rtcp-fb:(?:\d+|\*) transport-cc", line) for line in section)
        if extended and reported:
            numbered.add(index)
        if _extended(section, DELAY_ID, DELAY_URI):
            prompt.add(index)
        if index == 0:
            types = section[0].split(" ")[3:]
            red = str(RED_PAYLOAD_TYPE) in types and any(
                line.lower().startswith(f"a=rtpmap:{RED_PAYLOAD_TYPE} red/") for line in section)
            found = [re.fullmatch(r"a=rtpmap:(\d{1,3}) opus/48000/2", line, re.IGNORECASE) for line in section]
            opus = next((int(match[1]) for match in found if match), 0)
    return Agreed(frozenset(numbered), frozenset(prompt), red and 0 < opus < 128, opus)


def _extended(section: Sequence[str], number: int, uri: str) -> bool:
    return any(re.fullmatch(rf"a=extmap:{number}(?:/\w+)? {re.escape(uri)}.*", line) for line in section)


def check_answer(sdp: str, kinds: Sequence[str]) -> str:
    """The answer without candidates we cannot use; MediaRefused says why it does not fit our offer.

    `kinds` are the media of the offer's m-lines, in order.
    """
    if len(sdp) > SDP_BYTES or not sdp.startswith("v=0"):
        raise MediaRefused("media.sdp_bad", "not a session description")
    head, *sections = _sections(sdp)
    if [lines[0].split(" ")[0][2:] for lines in sections] != list(kinds):
        raise MediaRefused("media.sdp_bad", "the answer's media are not the offer's")
    prints = set()
    for lines in sections:
        _check_section(lines)
    for lines in (head, *sections):
        for line in lines:
            if line.startswith("a=fingerprint:"):
                value = line.removeprefix("a=fingerprint:").strip()
                if not _FINGERPRINT.fullmatch(value):
                    raise MediaRefused("media.fingerprint_bad", "a fingerprint that is not SHA-256")
                prints.add(value.lower())
    if len(prints) != 1:
        raise MediaRefused("media.fingerprint_bad", f"{len(prints)} fingerprints, one is expected")
    return _usable(sdp)


def candidates(sdp: str) -> list[str]:
    """The candidates of an answer that `check_answer` let pass, each once. Browsers write those of a bundle in its
    first section, where the library reads the last one's alone."""
    return list(dict.fromkeys(line for line in sdp.splitlines() if line.startswith("a=candidate:")))


def read_candidate(text: str) -> Candidate | None:
    """A candidate attribute; None when it is of no use to us (TCP, a name, an address or a port where no browser can
    be), MediaRefused when it is not one."""
    words = text.removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or words[6] != "typ" or not (words[1].isdecimal() and words[3].isdecimal()):
        raise MediaRefused("media.candidate_bad", "not an ICE candidate")
    # A number of thousands of digits is no number to the interpreter either.
    if not words[5].isdecimal() or len(words[5]) > 5 or int(words[5]) > 65535 or len(words) % 2:
        raise MediaRefused("media.candidate_bad", "not an ICE candidate")
    # A peer behind an mDNS name reaches us: our own candidates are complete, its checks teach us its address.
    if words[2].lower() != "udp" or words[1] != "1" or not (int(words[5]) and _unicast(words[4])):
        return None
    return Candidate(" ".join(words))


def _unicast(host: str) -> bool:
    """Whether it is the literal of one host's address: no name (nothing is looked up for a peer), no group of hosts."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or "%" in host or address == _BROADCAST)


def _renumbered(section: list[str]) -> list[str]:
    """An m-line with one payload type, and that one replaced by the stethoscope's."""
    head, _, old = section[0].rpartition(" ")
    mine = re.compile(rf"^(a=(?:rtpmap|rtcp-fb|fmtp):){old} ")
    return [f"{head} {SOUND_PAYLOAD_TYPE}", *(mine.sub(rf"\g<1>{SOUND_PAYLOAD_TYPE} ", line) for line in section[1:])]


def _sections(sdp: str) -> list[list[str]]:
    sections: list[list[str]] = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _check_section(lines: list[str]) -> None:
    words = lines[0].split(" ")
    if len(words) < 4 or not words[1].isdecimal():
        raise MediaRefused("media.sdp_bad", "a media line is cut")
    if words[1] == "0" and "a=bundle-only" not in lines:
        raise MediaRefused("media.codec_missing", f"the other side refused {words[0][2:]}")
    for line in lines:
        number = _NUMBERED.match(line)
        if number and not (number[2].isdecimal() and len(number[2]) < 4 and int(number[2]) in _NUMBERS[number[1]]):
            raise MediaRefused("media.sdp_bad", f"{number[1]} has a number that no packet can bear")
    for name in ("ice-ufrag", "ice-pwd", "mid"):
        if not any(line.startswith(f"a={name}:") and len(line) > len(name) + 3 for line in lines):
            raise MediaRefused("media.sdp_bad", f"a media section without {name}")
    if not any(line.removeprefix("a=setup:") in _SETUPS for line in lines if line.startswith("a=setup:")):
        raise MediaRefused("media.sdp_bad", "an answer takes the active or the passive part")


def _usable(sdp: str) -> str:
    kept: list[str] = []
    candidates = 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            candidates += 1
            if candidates > CANDIDATES_MAX or read_candidate(line) is None:
                continue
        elif line == "a=end-of-candidates":
            # Late candidates may follow in messages of their own; the set-up timer ends a vain wait.
            continue
        kept.append(line)
    return "\r\n".join([*itertools.chain(*(_h264_first(section) for section in _sections("\n".join(kept)))), ""])


def _h264_first(section: list[str]) -> list[str]:
    """The library sends the first codec an answer maps; the one all receivers share costs no second encoder."""
    at = [i for i, line in enumerate(section) if line.startswith("a=rtpmap:")]
    maps = sorted((section[i] for i in at), key=lambda line: not re.fullmatch(r"a=rtpmap:\d+ H264/90000", line, re.I))
    for i, line in zip(at, maps, strict=True):
        section[i] = line
    return section

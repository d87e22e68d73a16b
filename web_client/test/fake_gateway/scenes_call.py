"""Scenes of the call itself: how it goes, the ways out, the microphone, guests, cameras shown to the doctor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace
from scenes import GOOD, in_call, tray

from protocol.guests import GuestCard, GuestRole, GuestState, GuestView
from protocol.kiosk import KioskState, Link, Nurse, Power, PowerSource, RelayLink, Stage, Uplink, UplinkState
from protocol.quality import CallQuality, PictureGrade, VoiceGrade
from protocol.values import Problem

U, V, G = UplinkState, VoiceGrade, PictureGrade

THIN = replace(GOOD, picture=G.reduced, code="quality.thin", target_kbps=182, picture_kbps=120, sent_kbps=171,
               lines=270, frames_per_second=12.0, round_trip_ms=118, queue_ms=40)
LOSSY = replace(GOOD, voice=V.poor, picture=G.reduced, code="quality.lossy", target_kbps=410, sent_kbps=398,
                loss_percent=6.4, lines=360, frames_per_second=15.0, keyframes=9, freezes=3)
STILL = replace(THIN, picture=G.paused, target_kbps=58, picture_kbps=0, sent_kbps=47, lines=0, frames_per_second=0.0,
                round_trip_ms=640, queue_ms=310)
OUTAGE = replace(GOOD, voice=V.none, picture=G.none, code="quality.outage", target_kbps=30, picture_kbps=0, sent_kbps=0,
                 lines=0, frames_per_second=0.0, round_trip_ms=None, outages=1)

KARAM = GuestCard(guest_id="g1", role=GuestRole.interpreter, name="Mme Karam")
SON = GuestCard(guest_id="g3", role=GuestRole.relative, name="Jean-Baptiste Bertrand-Lefebvre")
LEROY = GuestCard(guest_id="g2", role=GuestRole.specialist, name="Dr Leroy-Beaumanoir")


def ways(now: datetime, first: Uplink, second: Uplink) -> Link:
    return Link(relay=RelayLink.online, since=now, operator="Orange F", round_trip_ms=48, uplinks=(first, second))


def way(name: str, operator: str, state: UplinkState, in_use: bool = False, trip: int | None = None,
        relayed: bool = False) -> Uplink:
    return Uplink(name=name, operator=operator, state=state, in_use=in_use, round_trip_ms=trip, relayed=relayed)


def two(now: datetime) -> Link:
    return ways(now, way("wwan0", "Orange F", U.answering, True, 58), way("wwan1", "SFR", U.answering, False, 74))


def going(quality: CallQuality | None, *guests: GuestView) -> Callable[[datetime], KioskState]:
    def scene(now: datetime) -> KioskState:
        return replace(in_call(now, quality=quality, guests=guests), link=two(now))
    return scene


def muted(now: datetime) -> KioskState:
    return replace(going(replace(GOOD, voice=V.none), GuestView(guest=KARAM, state=GuestState.present, since=now))(now),
                   microphone_muted=True, microphone_code="microphone.muted")


def muted_trouble(now: datetime) -> KioskState:
    return replace(muted(now), problems=(Problem(code="printer.paper"), Problem(code="relay.unreachable")),
                   tray=tray(now))


def unheard(now: datetime) -> KioskState:
    return replace(going(replace(GOOD, voice=V.none))(now), microphone_code="microphone.silent")


def failed_over(now: datetime) -> KioskState:
    link = ways(now, way("wwan0", "Orange F", U.silent), way("wwan1", "Bouygues Telecom", U.answering, True, 131, True))
    return replace(in_call(now, quality=replace(THIN, interface="wwan1", relayed=True)), link=link)


def outage(now: datetime) -> KioskState:
    link = ways(now, way("wwan0", "Orange F", U.silent, True), way("wwan1", "SFR", U.silent))
    return replace(in_call(now, quality=OUTAGE), link=link)


def no_call(now: datetime) -> KioskState:
    state = in_call(now)
    link = ways(now, way("wwan0", "Orange F", U.present, True), way("wwan1", "SFR", U.present))
    assert state.encounter is not None
    return replace(state, link=link, encounter=replace(state.encounter, stage=Stage.waiting, place=1, doctors=2))


def no_server(now: datetime) -> KioskState:
    """The call goes on without the relay."""
    return replace(going(THIN)(now), link=replace(two(now), relay=RelayLink.offline, round_trip_ms=None),
                   problems=(Problem(code="relay.unreachable"),))


def bar_full(now: datetime) -> KioskState:
    """As much as a bar can have to say."""
    state = in_call(now, unacknowledged=12, quality=THIN, guests=(guest(LEROY, GuestState.present),))
    link = ways(now, way("wwan0", "Bouygues Telecom", U.silent), way("wwan1", "Orange Caraïbe", U.answering, True, 913))
    extra = tuple(replace(each, number=each.number + 10, instrument_id=f"{each.instrument_id}-{i}")
                  for i in range(3) for each in state.instruments)
    return replace(state, link=link, power=Power(source=PowerSource.battery, percent=63), microphone_muted=True,
                   instruments=state.instruments + extra, problems=(Problem(code="printer.paper"),),
                   nurse=Nurse(nurse_id="solene", name="Solène Le Guennec-Dubois"))


def doctor_paused(now: datetime) -> KioskState:
    assert THIN.seen is not None
    return going(replace(THIN, seen=replace(THIN.seen, own_picture=False)))(now)


def shown(beside: bool) -> Callable[[datetime], KioskState]:
    def scene(now: datetime) -> KioskState:
        state = going(THIN, GuestView(guest=KARAM, state=GuestState.present, since=now))(now)
        return replace(state, shown="skin-1", beside=beside)
    return scene


def guest(card: GuestCard, state: GuestState) -> GuestView:
    return GuestView(guest=card, state=state)


def guests_interrupted(now: datetime) -> KioskState:
    state = going(OUTAGE, guest(KARAM, GuestState.away), guest(LEROY, GuestState.present))(now)
    assert state.encounter is not None
    return replace(state, encounter=replace(state.encounter, stage=Stage.interrupted, call_code="call.interrupted"))


SCENES: dict[str, Callable[[datetime], KioskState]] = {
    "call_two_ways": going(GOOD),
    "call_young": going(None),
    "call_thin": going(THIN),
    "call_lossy": going(LOSSY),
    "call_slow": going(replace(GOOD, code="quality.slow", round_trip_ms=620)),
    "call_still": going(STILL),
    "call_outage": outage,
    "call_failed_over": failed_over,
    "call_muted": muted,
    "call_muted_trouble": muted_trouble,
    "call_unheard": unheard,
    "call_doctor_paused": doctor_paused,
    "call_doctor_frozen": going(GOOD),
    "call_guest": going(GOOD, guest(KARAM, GuestState.present)),
    "call_guest_connecting": going(THIN, guest(KARAM, GuestState.connecting)),
    "call_guest_invited": going(GOOD, guest(KARAM, GuestState.invited)),
    "call_guests": going(THIN, guest(KARAM, GuestState.away), guest(LEROY, GuestState.present)),
    "call_three_guests": going(THIN, guest(KARAM, GuestState.present), guest(LEROY, GuestState.present),
                               guest(SON, GuestState.connecting)),
    "call_guests_interrupted": guests_interrupted,
    "waiting_two_ways": no_call,
    "skin_shown": shown(False),
    "skin_beside": shown(True),
    "call_no_server": no_server,
    "bar_full": bar_full,
    "skin_muted": lambda now: replace(shown(True)(now), microphone_muted=True),
}

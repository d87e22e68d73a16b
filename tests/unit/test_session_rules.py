"""The pure rules of the session: states, guard, patient, bindings, when to rejoin."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.events import PeerState
from gateway.session import guard, patient
from gateway.session.bindings import Expected, check_answer, offer_binding
from gateway.session.call import rejoin_cause
from gateway.session.errors import BindingRefused, Refused
from gateway.session.guard import Belongs, Chair, Seen, Tray, place
from gateway.session.states import IN_CALL, PHASES, STAGES, STEPS, State, Step, follow
from protocol.binding import Side
from protocol.kiosk import Stage
from protocol.signalling import CallOffer
from protocol.values import Patient, Sex
from tests.unit.session_fakes import Identity, fingerprint, sdp
from tests.unit.store_makers import START, reading

TODAY = date(2026, 11, 3)
NIR = patient.OID_NIR


def test_every_state_and_step_is_in_the_table() -> None:
    """No state is a dead end but `closed`, all can reach it, and the kiosk and the relay know each."""
    assert set(STEPS) == set(State)
    assert {step for steps in STEPS.values() for step in steps} == set(Step)
    reach = {State.closed}
    for _ in State:
        reach |= {state for state in State if set(STEPS[state].values()) & reach}
    assert reach == set(State)
    assert set(STAGES.values()) == set(Stage)
    assert set(PHASES) == set(State) - {State.ready}


def test_an_encounter_in_a_call_cannot_be_closed() -> None:
    """The illegal step is a coded refusal."""
    for state in IN_CALL:
        with pytest.raises(Refused, match=r"encounter\.step"):
            follow(state, Step.close)
    with pytest.raises(Refused, match=r"encounter\.closed"):
        follow(State.closed, Step.enter_waiting)


MINUTE = timedelta(minutes=1)
CHAIR = Chair("b", START, left_at=START - timedelta(minutes=5))


@pytest.mark.parametrize(("taken", "chair", "seen", "expected"), [
    (MINUTE, CHAIR, None, Belongs("b")),
    (MINUTE, Chair(), None, Tray(guard.NO_ENCOUNTER)),
    (None, CHAIR, None, Tray(guard.TIME_UNKNOWN)),
    (timedelta(hours=3), CHAIR, None, Tray(guard.TIME_UNKNOWN)),
    (timedelta(seconds=-1), CHAIR, None, Tray(guard.OLDER)),
    (-timedelta(days=1), CHAIR, None, Tray(guard.OLDER)),
    # The chair changed hands ten seconds before the stamp: the cuff began on the other arm.
    (timedelta(seconds=5), Chair("b", START, START - timedelta(seconds=5)), None, Tray(guard.BETWEEN)),
    # Unless the begin was seen in this encounter...
    (timedelta(seconds=5), Chair("b", START, START - timedelta(seconds=5)),
     Seen(START + timedelta(seconds=1), "b"), Belongs("b")),
    # ...and whatever the clock says when it was seen in the one before, or in none.
    (MINUTE * 3, CHAIR, Seen(START - timedelta(seconds=10), "a"), Tray(guard.BETWEEN)),
    (MINUTE, CHAIR, Seen(START - timedelta(seconds=10), None), Tray(guard.BETWEEN)),
    # A memory older than the begin that was seen is judged by its own time.
    (MINUTE, CHAIR, Seen(START + MINUTE * 2, "a"), Belongs("b")),
])
def test_a_reading_belongs_where_it_was_taken(taken: timedelta | None, chair: Chair, seen: Seen | None,
                                              expected: Belongs | Tray) -> None:
    """The guard's table (I2)."""
    at = START + taken if taken is not None else None
    assert place(reading(1, taken=at, systolic="120") if at else msgspec.structs.replace(
        reading(1), taken_at=None), chair, seen, START + timedelta(hours=1)) == expected


def test_a_live_reading_that_came_before_the_opening_is_not_of_the_new_patient() -> None:
    """What waited in a queue while the file was opened carries its arrival and goes to the tray."""
    late = msgspec.structs.replace(reading(1, taken=START + MINUTE), received_at=START - timedelta(seconds=1))
    assert place(late, CHAIR, None, START + MINUTE) == Tray(guard.OLDER)


@pytest.mark.parametrize("seconds", [31, 50, 60, 61])
def test_the_slowest_cuff_that_began_on_the_patient_before_goes_to_the_tray(seconds: int) -> None:
    """A stamp 31 to 61 s after the chair changed hands may be of the arm before, a begin seen here says it is not."""
    chair, at = Chair("b", START, START - timedelta(seconds=1)), START + timedelta(seconds=seconds - 1)
    result = reading(1, taken=at)
    assert place(result, chair, None, at) == Tray(guard.BETWEEN)
    assert place(result, chair, Seen(START + timedelta(seconds=1), "b"), at) == Belongs("b")
    late = at + timedelta(seconds=63 - seconds)
    assert place(reading(1, taken=late), chair, None, late) == Belongs("b")


@given(st.integers(-600, 600), st.integers(-600, 0), st.integers(-600, 600),
       st.sampled_from(["a", "b", None, "unseen"]))
def test_nothing_of_the_patient_before_ever_enters(taken: int, left: int, began: int, seen: str | None) -> None:
    """Whatever the times, a reading placed in B was stamped in B, and its begin, if seen, was in B."""
    chair = Chair("b", START, START + timedelta(seconds=left))
    watch = None if seen == "unseen" else Seen(START + timedelta(seconds=began), seen)
    at = START + timedelta(seconds=taken)
    where = place(reading(1, taken=at), chair, watch, START + timedelta(seconds=600))
    if isinstance(where, Belongs):
        assert at >= START
        assert watch is None or watch.encounter_id == "b" or at < watch.at - guard.SLACK


GOOD = Patient(family_name="ESSAI", given_name="Zoé", birth_date="1979-03-05", sex=Sex.female)


def change(**changes: object) -> Patient:
    return msgspec.structs.replace(GOOD, **changes)


@pytest.mark.parametrize(("person", "code"), [
    (change(family_name=" "), "patient.family_name_missing"),
    (change(given_name=""), "patient.given_name_missing"),
    (change(family_name="12"), "patient.family_name"),
    (change(given_name="A\x00"), "patient.given_name"),
    (change(birth_date=""), "patient.birth_date_missing"),
    (change(birth_date="1979-02-30"), "patient.birth_date"),
    (change(birth_date="2026-11-04"), "patient.birth_date_future"),
    (change(birth_date="1879-03-05"), "patient.birth_date_too_old"),
    (change(birth_place="Lyon"), "patient.birth_place"),
    (change(anonymous=True), "patient.anonymous"),
    (change(qualified=True), "patient.ins"),
    (change(ins_oid=NIR), "patient.ins_oid"),
    (change(ins="279035121518989", ins_oid=NIR), "patient.ins_not_qualified"),
    (change(ins="279035121518988", ins_oid=NIR, qualified=True), "patient.ins_key"),
    (change(ins="2790351A1518989", ins_oid=NIR, qualified=True), "patient.ins"),
    (change(ins="279035121518989", ins_oid="1.2.3", qualified=True), "patient.ins_oid"),
    (change(ins="279035121518989", ins_oid=patient.OID_TEST, qualified=True), "patient.ins_oid"),
])
def test_what_cannot_be_a_patient_is_refused_at_its_field(person: Patient, code: str) -> None:
    """One code for each field, the kiosk's own."""
    with pytest.raises(Refused) as refused:
        patient.check(person, today=TODAY, demo=False)
    assert refused.value.code == code


@pytest.mark.parametrize("ins", ["277076322082910", "279035121518989", "180127512345642"])
def test_the_public_test_numbers_have_the_right_key(ins: str) -> None:
    """The examples of the clinical notes fit; any other last digit does not."""
    assert patient.key_fits(ins)
    assert not patient.key_fits(ins[:-1] + str((int(ins[-1]) + 1) % 10))


def test_corsica_counts_as_19_and_18() -> None:
    """97 - (N mod 97) with 2A read as 19 and 2B as 18, worked out here with integers."""
    for letters, digits in (("2A", "19"), ("2B", "18")):
        key = 97 - int(f"25307{digits}073004") % 97
        assert patient.key_fits(f"25307{letters}073004{key:02d}")
        person = change(ins=f"25307{letters}073004{key:02d}", ins_oid=NIR, qualified=True, birth_date="1953-07-02")
        assert patient.check(person, today=TODAY, demo=False) == ()


def test_test_identities_pass_in_a_demonstration_only() -> None:
    """Under TEST a wrong key is a warning, never an error; traits that differ are a warning under NIR."""
    wrong = change(ins="279035121518988", ins_oid=patient.OID_TEST, qualified=True)
    assert patient.check(wrong, today=TODAY, demo=True) == ("patient.ins_key",)
    other = change(ins="180127512345642", ins_oid=NIR, qualified=True)
    assert patient.check(other, today=TODAY, demo=False) == ("patient.ins_traits_differ",)
    assert patient.check(Patient(anonymous=True), today=TODAY, demo=False) == ()
    assert patient.check(GOOD, today=TODAY, demo=False) == ()


def made() -> tuple[Identity, Expected, CallOffer]:
    identity = Identity()
    expected = Expected("call-1", 3, "dr-a", fingerprint())
    return identity, expected, CallOffer(call_id="call-1", generation=3, sdp=sdp(expected.our_fingerprint),
                                         binding=offer_binding(identity, expected))


def test_our_binding_is_signed_over_the_offers_fingerprint() -> None:
    """The statement names call, generation, vehicle, doctor and our fingerprint, and no peer's."""
    _, expected, offer = made()
    binding = offer.binding
    assert (binding.side, binding.call_id, binding.generation) == (Side.vehicle, "call-1", 3)
    assert (binding.doctor_id, binding.fingerprint, binding.peer_fingerprint) == (
        "dr-a", expected.our_fingerprint, "")


def test_the_right_answer_is_accepted() -> None:
    """The doctor of the call, our offer, one fingerprint."""
    identity, expected, offer = made()
    check_answer(identity.answer(offer, fingerprint()), expected, identity)


@pytest.mark.parametrize(("changes", "code"), [
    ({"side": Side.vehicle}, "binding.statement"),
    ({"call_id": "call-2"}, "binding.statement"),
    ({"generation": 2}, "binding.statement"),
    ({"vehicle_id": "bus-2"}, "binding.statement"),
    ({"doctor_id": "dr-b"}, "binding.doctor"),
    ({"peer_fingerprint": fingerprint()}, "fingerprint.mismatch"),
    ({"peer_fingerprint": ""}, "fingerprint.mismatch"),
])
def test_an_answer_signed_for_something_else_is_refused(changes: dict[str, object], code: str) -> None:
    """A true signature under another statement does not open this call."""
    identity, expected, offer = made()
    with pytest.raises(BindingRefused) as refused:
        check_answer(identity.answer(offer, fingerprint(), **changes), expected, identity)
    assert refused.value.code == code


def test_an_answer_changed_under_way_is_refused() -> None:
    """Swapped or added fingerprints, a foreign certificate, a changed signature: each has its code."""
    identity, expected, offer = made()
    own = fingerprint()
    good = identity.answer(offer, own)
    other = fingerprint()
    binding = good.binding
    swapped = [
        (msgspec.structs.replace(good, sdp=sdp(other)), "fingerprint.mismatch"),
        (msgspec.structs.replace(good, sdp=sdp(own, other)), "fingerprint.mismatch"),
        (msgspec.structs.replace(good, sdp=sdp(own) + "a=fingerprint:sha-1 AA:BB\r\n"), "fingerprint.mismatch"),
        (msgspec.structs.replace(good, sdp=sdp()), "fingerprint.mismatch"),
        (msgspec.structs.replace(good, sdp=sdp(other),
                                 binding=msgspec.structs.replace(binding, fingerprint=other)), "binding.signature"),
        (msgspec.structs.replace(good, binding=msgspec.structs.replace(binding, certificate="another")),
         "binding.certificate"),
        (msgspec.structs.replace(good, binding=msgspec.structs.replace(
            binding, signature=offer.binding.signature)), "binding.signature"),
        (msgspec.structs.replace(good, generation=4), "binding.statement"),
    ]
    for answer, code in swapped:
        with pytest.raises(BindingRefused) as refused:
            check_answer(answer, expected, identity)
        assert refused.value.code == code


def test_a_rejoin_is_asked_for_when_waiting_is_over() -> None:
    """Dead: at once; silent: after three more seconds; no answer: after fifteen; alive: never."""
    assert rejoin_cause(PeerState.closed, 0) == "call.peer_closed"
    assert rejoin_cause(PeerState.interrupted, 2.9) is None
    assert rejoin_cause(PeerState.interrupted, 3.1) == "call.silent"
    assert rejoin_cause(PeerState.connecting, 14) is None
    assert rejoin_cause(PeerState.connecting, 16) == "call.no_answer"
    assert rejoin_cause(PeerState.connected, 1e6) is None

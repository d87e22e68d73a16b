"""A prescription from draft to hand-over at the relay: real database, real pages, a software key as the browser's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from msgspec.structs import replace
from pyhanko.pdf_utils.reader import PdfFileReader

from protocol.accounts import PersonKind
from protocol.prescription import (
    Prescriber,
    PrescriptionDraft,
    PrescriptionLine,
    PrescriptionPrepared,
    PrescriptionState,
    PrescriptionView,
)
from protocol.signalling import PrescriptionProgress, PrescriptionReady
from protocol.values import DoctorCard, Patient, Sex
from relay.bodies import Refused, refusals
from relay.bus import InProcessBus, TellVehicle
from relay.fleet.ca import IssuingAuthority
from relay.fleet.registry import Registry
from relay.identity.sign_ins import Person
from relay.prescriptions import http
from relay.prescriptions.errors import Conflict, NotAcceptable, NotAllowed, SignatureRefused, Unavailable, Unknown
from relay.prescriptions.service import DRAFT_LIFETIME, DRAFTS_OF_A_DOCTOR, Doctor, Prescriptions, Sources
from relay.signalling.partners import ProgressRefused
from relay.storage.base import Storage, database_url, open_storage
from relay.storage.calls import CallRow
from relay.storage.people import Account

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
PRESCRIBER = Prescriber(name="Claire Martin", title="Docteur", speciality="Médecine générale", rpps="10003456789",
                        address="12 rue du Prieuré, 58120 Château-Chinon, France", phone="+33 3 86 00 00 01",
                        email="claire.martin@exemple.fr")
DRAFT = PrescriptionDraft(
    encounter_id="e-1", call_id="c-1",
    patient=Patient(family_name="Durand", given_name="Jeanne", birth_date="1948-03-01", sex=Sex.female),
    lines=(PrescriptionLine(drug="Amoxicilline", strength="500 mg", form="gélule", days=7,
                            posology="1 gélule matin, midi et soir"),
           PrescriptionLine(drug="Lévothyroxine", strength="75 µg", form="comprimé", days=30, renewals=5,
                            posology="1 comprimé le matin à jeun", not_substitutable="mte")))
DOCTOR = Doctor("d-1", "s-1")


class Clock:
    """A clock that a test moves."""

    moment = START

    def __call__(self) -> datetime:
        return self.moment


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: ec.EllipticCurvePrivateKey) -> str:
    return (x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM).decode())


def ran(*command: str) -> str:
    """What a program said; it has to end well."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def raw_signature(key: ec.EllipticCurvePrivateKey, prepared: PrescriptionPrepared) -> bytes:
    """As WebCrypto signs: ECDSA P-256/SHA-256, raw r||s."""
    r, s = decode_dss_signature(key.sign(base64.b64decode(prepared.to_be_signed), ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass
class World:
    clock: Clock
    storage: Storage
    registry: Registry
    papers: Prescriptions
    authority: IssuingAuthority
    key: ec.EllipticCurvePrivateKey
    folder: Path
    told: list[TellVehicle] = field(default_factory=list)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    storage = open_storage(database_url("", tmp_path))
    await storage.create_all()
    clock, bus, key = Clock(), InProcessBus(), new_key()
    authority = IssuingAuthority.create("Test CA", START)
    registry = Registry(storage, authority, clock)

    async def prescriber(doctor_id: str) -> Prescriber:
        return PRESCRIBER

    papers = Prescriptions(storage, bus, Sources(prescriber=prescriber, certificate=registry.doctor_certificate,
                                                 ca_pem=authority.certificate_pem, now=clock),
                           folder=tmp_path / "prescriptions", demo=True)
    made = World(clock, storage, registry, papers, authority, key, tmp_path / "prescriptions")

    async def on_tell(message: TellVehicle) -> None:
        made.told.append(message)

    bus.listen(TellVehicle, on_tell)
    async with storage.session() as session:
        session.add(Account(account_id="d-1", kind="doctor", sign_in_name="martin", password_hash="", name="Martin"))
        session.add(CallRow(call_id="c-1", encounter_id="e-1", vehicle_id="v-1", doctor_id="d-1", generation=1,
                            opened_at=START))
    await registry.certify_doctor(doctor_id="d-1", name="Claire Martin", session_id="s-1", csr_pem=csr(key))
    yield made
    await storage.close()


async def signed(world: World) -> PrescriptionView:
    prepared = await world.papers.draft(DRAFT, DOCTOR)
    return await world.papers.sign(prepared.prescription_id, raw_signature(world.key, prepared), DOCTOR)


async def test_the_browser_can_check_what_it_signs(world: World) -> None:
    """The message digest in the attributes is the SHA-256 of the page's byte ranges."""
    prepared = await world.papers.draft(DRAFT, DOCTOR)
    pdf = base64.b64decode(prepared.pdf)
    zero, start, end, length = prepared.byte_range
    assert (zero, end + length) == (0, len(pdf))
    digest = hashlib.sha256(pdf[:start] + pdf[end:]).digest()
    attributes = base64.b64decode(prepared.to_be_signed)
    assert attributes[0] == 0x31
    assert digest in attributes
    assert set(pdf[start + 1:end - 1]) == {ord("0")}


async def test_a_signed_prescription_is_stored_and_announced(world: World) -> None:
    """The view, the file named by its hash, and one message to the vehicle of the call."""
    view = await signed(world)
    assert (view.state, view.doctor, view.drugs) == (
        PrescriptionState.signed, "Claire Martin", ("Amoxicilline 500 mg gélule", "Lévothyroxine 75 µg comprimé"))
    pdf = await world.papers.page(view.prescription_id, DOCTOR)
    assert hashlib.sha256(pdf).hexdigest() == view.sha256
    assert [file.name for file in world.folder.iterdir()] == [f"{view.sha256}.pdf"]
    assert view.sha256 is not None
    ready = PrescriptionReady(prescription_id=view.prescription_id, encounter_id="e-1", sha256=view.sha256)
    assert world.told == [TellVehicle(vehicle_id="v-1", body=ready)]
    assert await world.papers.waiting_for("v-1") == (ready,)
    assert await world.papers.waiting_for("v-2") == ()
    assert await world.papers.of_encounter("e-1", DOCTOR) == (view,)


@pytest.mark.skipif(not (shutil.which("pdfsig") and shutil.which("certutil")), reason="poppler-utils, libnss3-tools")
async def test_pdfsig_calls_the_signature_valid_and_trusted(world: World, tmp_path: Path) -> None:
    """A validator that is not ours, with the operator's CA as its only trust."""
    view = await signed(world)
    page, ca, store = tmp_path / "page.pdf", tmp_path / "ca.pem", tmp_path / "nss"
    page.write_bytes(await world.papers.page(view.prescription_id, DOCTOR))
    ca.write_text(world.authority.certificate_pem)
    store.mkdir()
    ran("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
    ran("certutil", "-A", "-d", f"sql:{store}", "-n", "ca", "-t", "CT,C,C", "-i", str(ca))
    told = ran("pdfsig", "-nssdir", f"sql:{store}", str(page))
    for wanted in ("Signature is Valid", "Certificate is Trusted", "Total document signed", "ETSI.CAdES.detached",
                   "SHA-256", "Claire Martin"):
        assert wanted in told


async def test_the_page_says_what_it_is(world: World) -> None:
    """PDF/A-3b in its metadata, every font inside, reason and content attached, demo said."""
    view = await signed(world)
    pdf = await world.papers.page(view.prescription_id, DOCTOR)
    reader = PdfFileReader(BytesIO(pdf))
    xmp = bytes(reader.root["/Metadata"].data).decode()
    assert "<pdfaid:part>3</pdfaid:part>" in xmp
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    assert len(reader.root["/OutputIntents"]) == 1
    attached = json.loads(reader.root["/AF"][0]["/EF"]["/F"].data)
    assert attached["prescription_id"] == view.prescription_id
    assert [line["posology"] for line in attached["lines"]] == [line.posology for line in DRAFT.lines]
    assert attached["demo"] is True
    assert reader.embedded_signatures[0].sig_object["/Reason"] == f"prescription {view.prescription_id} encounter e-1"


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler-utils")
async def test_every_legal_mention_can_be_read_on_the_page(world: World, tmp_path: Path) -> None:
    """What a pharmacist reads on paper, in the order of the decree; and no font that is not embedded."""
    view = await signed(world)
    page = tmp_path / "page.pdf"
    page.write_bytes(await world.papers.page(view.prescription_id, DOCTOR))
    text = ran("pdftotext", "-layout", str(page), "-")
    for mention in ("Claire Martin", "Docteur", "Médecine générale", "RPPS 10003456789", "Château-Chinon, France",
                    "+33 3 86 00 00 01", "claire.martin@exemple.fr", "21 novembre 2026", "DURAND", "Jeanne",
                    "née le 1er mars 1948", "78 ans", "Amoxicilline", "500 mg", "pendant 7 jours",
                    "1 gélule matin, midi et soir", "à renouveler 5 fois", "Non substituable (MTE)",
                    "2 médicaments prescrits", "page 1/1", "DÉMONSTRATION", "Signature électronique"):
        assert mention in text
    rows = ran("pdffonts", str(page)).splitlines()[2:]
    assert rows
    assert all(row.split()[-5:-2] == ["yes", "yes", "yes"] for row in rows)


async def test_words_of_people_are_never_code(world: World) -> None:
    """Typst markup in a drug, a name or a note is printed as it was typed."""
    nasty = '#import "x" *a* $b$ \\ <c> @d `e` #{1/0} ]) "'
    draft = replace(DRAFT, note=f"{nasty}\n\n{nasty}", patient=replace(DRAFT.patient, family_name=nasty),
                    lines=(replace(DRAFT.lines[0], drug=nasty, posology=nasty, strength=nasty[:50]),))
    prepared = await world.papers.draft(draft, DOCTOR)
    reader = PdfFileReader(BytesIO(base64.b64decode(prepared.pdf)))
    attached = json.loads(reader.root["/AF"][0]["/EF"]["/F"].data)
    assert attached["lines"][0]["drug"] == nasty


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler-utils")
async def test_nothing_runs_off_the_paper(world: World, tmp_path: Path) -> None:
    """Words of 200 letters, the longest names and note: every word stands between the margins (A4, in points)."""
    draft = replace(DRAFT, note="remarque " * 440, lines=(replace(DRAFT.lines[0], drug="W" * 200, posology="W" * 400),),
                    patient=replace(DRAFT.patient, family_name="W" * 200, given_name="W" * 200))
    page = tmp_path / "page.pdf"
    page.write_bytes(base64.b64decode((await world.papers.draft(draft, DOCTOR)).pdf))
    words = re.findall(r'<word xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">W',
                       ran("pdftotext", "-bbox", str(page), "-"))
    assert len(words) > 10
    for x_min, y_min, x_max, y_max in (map(float, word) for word in words):
        assert 60 < x_min < x_max < 535
        assert 45 < y_min < y_max < 825  # 6 mm: what no printer reaches begins below


async def test_a_character_no_font_has_is_refused(world: World) -> None:
    """Better no page than a page with a hole in a drug's name."""
    with pytest.raises(NotAcceptable) as refused:
        await world.papers.draft(replace(DRAFT, note="漢字"), DOCTOR)
    assert refused.value.code == "prescription.characters"


async def test_twenty_lines_make_two_numbered_pages(world: World) -> None:
    """The longest prescription breaks between its lines."""
    prepared = await world.papers.draft(replace(DRAFT, lines=DRAFT.lines * 10), DOCTOR)
    assert PdfFileReader(BytesIO(base64.b64decode(prepared.pdf))).root["/Pages"]["/Count"] == 2


@pytest.mark.parametrize("spoil", ["other key", "other page", "zeros"])
async def test_a_signature_that_does_not_hold_is_refused_and_the_draft_stays(world: World, spoil: str) -> None:
    """Another key, another draft's signature, or nothing: coded, and the doctor can sign again."""
    prepared, other = await world.papers.draft(DRAFT, DOCTOR), await world.papers.draft(DRAFT, DOCTOR)
    raw = {"other key": raw_signature(new_key(), prepared), "other page": raw_signature(world.key, other),
           "zeros": bytes(64)}[spoil]
    with pytest.raises(SignatureRefused):
        await world.papers.sign(prepared.prescription_id, raw, DOCTOR)
    view = await world.papers.sign(prepared.prescription_id, raw_signature(world.key, prepared), DOCTOR)
    assert view.state is PrescriptionState.signed


async def test_signing_twice_gives_one_prescription(world: World) -> None:
    """A lost answer: the page signs again, even at the same time, and reads what was stored."""
    prepared = await world.papers.draft(DRAFT, DOCTOR)
    views = await asyncio.gather(*(world.papers.sign(prepared.prescription_id, raw_signature(world.key, prepared),
                                                     DOCTOR) for _ in range(3)))
    again = await world.papers.sign(prepared.prescription_id, bytes(64), DOCTOR)
    assert {view.sha256 for view in views} == {again.sha256}
    assert len(world.told) == 1


async def test_only_the_doctor_of_the_call_prescribes(world: World) -> None:
    """Another doctor, another call, an encounter passed on to a colleague, or a call long over."""
    with pytest.raises(NotAllowed, match="not_your_call"):
        await world.papers.draft(DRAFT, Doctor("d-2", "s-1"))
    with pytest.raises(NotAllowed, match="not_your_call"):
        await world.papers.draft(replace(DRAFT, call_id="c-9"), DOCTOR)
    with pytest.raises(NotAllowed, match="not_your_call"):
        await world.papers.draft(replace(DRAFT, encounter_id="e-9"), DOCTOR)
    with pytest.raises(NotAllowed, match="no_certificate"):
        await world.papers.draft(DRAFT, Doctor("d-1", "s-2"))
    async with world.storage.session() as session:
        call = await session.get_one(CallRow, "c-1")
        call.ended_at = START
    world.clock.moment += timedelta(minutes=59)
    await world.papers.draft(DRAFT, DOCTOR)
    world.clock.moment += timedelta(minutes=2)
    with pytest.raises(NotAllowed, match="call_over"):
        await world.papers.draft(DRAFT, DOCTOR)


async def test_drafts_end_and_are_few(world: World) -> None:
    """A page of half an hour ago is not signed; past ten drafts the oldest goes, so that no disk is filled."""
    prepared = []
    for _ in range(DRAFTS_OF_A_DOCTOR + 1):
        prepared.append(await world.papers.draft(DRAFT, DOCTOR))
        world.clock.moment += timedelta(seconds=1)
    first, second, *_, last = prepared
    with pytest.raises(Conflict, match=r"prescription\.expired"):
        await world.papers.sign(first.prescription_id, raw_signature(world.key, first), DOCTOR)
    await world.papers.sign(second.prescription_id, raw_signature(world.key, second), DOCTOR)
    world.clock.moment += DRAFT_LIFETIME
    with pytest.raises(Conflict, match=r"prescription\.expired"):
        await world.papers.sign(last.prescription_id, raw_signature(world.key, last), DOCTOR)
    fresh = await world.papers.draft(DRAFT, DOCTOR)
    with pytest.raises(Conflict, match=r"prescription\.expired"):
        await world.papers.sign(fresh.prescription_id, raw_signature(world.key, fresh), Doctor("d-2", "s-1"))


def progress(view: PrescriptionView, state: PrescriptionState, seconds: int = 0) -> PrescriptionProgress:
    return PrescriptionProgress(prescription_id=view.prescription_id, encounter_id=view.encounter_id, state=state,
                                at=START + timedelta(seconds=seconds))


async def test_steps_follow_the_table_and_may_be_said_again(world: World) -> None:
    """The vehicle's words move it; the same word twice, or an old one again, changes nothing."""
    view = await signed(world)
    states = [PrescriptionState.arrived, PrescriptionState.printing, PrescriptionState.print_ambiguous,
              PrescriptionState.print_failed, PrescriptionState.printing, PrescriptionState.printed,
              PrescriptionState.handed_over]
    for number, state in enumerate(states):
        assert await world.papers.progressed("v-1", progress(view, state, number)) == "d-1"
        assert await world.papers.progressed("v-1", progress(view, state, number)) == "d-1"
    await world.papers.progressed("v-1", progress(view, PrescriptionState.arrived, 0))
    (seen,) = await world.papers.of_encounter("e-1", DOCTOR)
    assert [step.state for step in seen.steps] == [PrescriptionState.signed, *states]
    assert await world.papers.waiting_for("v-1") == ()


async def test_steps_that_cannot_be_are_conflicts(world: World) -> None:
    """Out of order, from another vehicle, of another encounter or of nothing: a code, and no change."""
    view = await signed(world)
    with pytest.raises(ProgressRefused) as refused:
        await world.papers.progressed("v-1", progress(view, PrescriptionState.printed))
    assert refused.value.code == "prescription.step"
    for vehicle, wrong in (("v-2", view), ("v-1", replace(view, encounter_id="e-2")),
                           ("v-1", replace(view, prescription_id="p-0"))):
        with pytest.raises(ProgressRefused) as refused:
            await world.papers.progressed(vehicle, progress(wrong, PrescriptionState.arrived))
        assert refused.value.code == "prescription.unknown"
    assert len(await world.papers.waiting_for("v-1")) == 1


async def test_pages_are_given_to_their_doctor_and_their_vehicle_only(world: World) -> None:
    """Somebody else's prescription does not exist for whoever asks."""
    view = await signed(world)
    assert await world.papers.page_for_vehicle(view.prescription_id, "v-1")
    with pytest.raises(Unknown):
        await world.papers.page(view.prescription_id, Doctor("d-2", "s-1"))
    with pytest.raises(Unknown):
        await world.papers.page_for_vehicle(view.prescription_id, "v-2")
    assert await world.papers.of_encounter("e-1", Doctor("d-2", "s-1")) == ()


async def test_a_file_altered_on_the_relays_disk_is_not_given_out(world: World) -> None:
    """The name is the hash: a flipped bit is found before it leaves."""
    view = await signed(world)
    (file,) = world.folder.iterdir()
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    with pytest.raises(Unavailable, match="file_altered"):
        await world.papers.page_for_vehicle(view.prescription_id, "v-1")
    file.unlink()
    with pytest.raises(Unavailable, match="file_missing"):
        await world.papers.page(view.prescription_id, DOCTOR)


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    async def people(request: web.Request, kind: PersonKind) -> Person:
        who = request.headers.get("X-Test-Doctor")
        if not who or kind is not PersonKind.doctor:
            raise Refused(401, "session.needed")
        return Person(account_id=who, session_id="s-1", kind=kind, name="Martin",
                      doctor=DoctorCard(doctor_id=who, name="Martin"))

    async def vehicles(request: web.Request) -> str:
        return request.headers["X-Test-Vehicle"]

    app = web.Application(middlewares=[refusals])
    app.add_routes(http.routes(world.papers, people))
    app.add_routes(http.vehicle_routes(world.papers, vehicles))
    async with TestClient(TestServer(app, host="127.0.0.1", port=0)) as opened:
        yield opened


async def test_http_from_check_to_the_vehicle(client: TestClient[web.Request, web.Application], world: World) -> None:
    """The whole way over HTTP: check, draft, signature, page, list, the vehicle's fetch."""
    doctor, body = {"X-Test-Doctor": "d-1"}, msgspec.to_builtins(DRAFT)
    checked = await client.post("/api/prescriptions/check", json=body, headers=doctor)
    assert (checked.status, (await checked.json())["code"]) == (200, "prescription.complete")
    made = await client.post("/api/prescriptions", json=body, headers=doctor)
    assert made.status == 201
    prepared = msgspec.json.decode(await made.read(), type=PrescriptionPrepared)
    path = f"/api/prescriptions/{prepared.prescription_id}"
    signature = base64.b64encode(raw_signature(world.key, prepared)).decode()
    stored = await client.post(f"{path}/signature", json={"signature": signature}, headers=doctor)
    view = msgspec.json.decode(await stored.read(), type=PrescriptionView)
    assert view.state is PrescriptionState.signed
    page = await client.get(f"{path}.pdf", headers=doctor)
    assert (page.status, page.content_type) == (200, "application/pdf")
    listed = await client.get("/api/encounters/e-1/prescriptions", headers=doctor)
    assert msgspec.json.decode(await listed.read(), type=tuple[PrescriptionView, ...]) == (view,)
    vehicle = {"X-Test-Vehicle": "v-1"}
    assert len(await (await client.get("/vehicle/prescriptions", headers=vehicle)).json()) == 1
    fetched = await client.get(f"/vehicle/prescriptions/{prepared.prescription_id}", headers=vehicle)
    assert hashlib.sha256(await fetched.read()).hexdigest() == view.sha256


async def test_http_refusals_are_coded(client: TestClient[web.Request, web.Application]) -> None:
    """Missing mentions 422 with the list, secured form 422, not signed in 401, foreign call 403, unknown 404."""
    doctor = {"X-Test-Doctor": "d-1"}

    async def posted(draft: PrescriptionDraft, headers: dict[str, str]) -> tuple[int, str]:
        answer = await client.post("/api/prescriptions", json=msgspec.to_builtins(draft), headers=headers)
        return answer.status, (await answer.json())["code"]

    assert await posted(replace(DRAFT, lines=(replace(DRAFT.lines[0], days=0),)), doctor) == (
        422, "prescription.mentions_missing")
    assert await posted(replace(DRAFT, lines=(replace(DRAFT.lines[0], drug="Morphine"),)), doctor) == (
        422, "prescription.secured_form")
    assert await posted(replace(DRAFT, patient=Patient(anonymous=True)), doctor) == (422, "prescription.anonymous")
    assert await posted(DRAFT, {}) == (401, "session.needed")
    assert await posted(DRAFT, {"X-Test-Doctor": "d-2"}) == (403, "prescription.not_your_call")
    unknown = await client.get("/api/prescriptions/p-0.pdf", headers=doctor)
    assert (unknown.status, (await unknown.json())["code"]) == (404, "prescription.unknown")
    malformed = await client.post("/api/prescriptions/p-0/signature", json={"signature": "x"}, headers=doctor)
    assert malformed.status == 422

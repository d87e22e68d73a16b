"""Sign-in, cookies, tokens, pages and their headers over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs
from yarl import URL

from protocol.accounts import ErrorBody, Me
from protocol.signalling import Dismissed
from relay.storage.audit import AuditRow
from relay.storage.people import Account, SignedIn
from tests.integration.relay_rig import PASSWORD, Running, Site, make_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return make_site(tmp_path)


async def refusal(response: aiohttp.ClientResponse) -> tuple[int, str]:
    return response.status, msgspec.json.decode(await response.read(), type=ErrorBody).code


async def try_sign_in(rig: Running, account: str, password: str) -> tuple[int, str]:
    async with rig.http.post(f"{rig.url}/api/sign-in", json={"account": account, "password": password}) as response:
        return (204, "") if response.status == 204 else await refusal(response)


async def test_a_doctor_signs_in_and_out(site: Site) -> None:
    """The cookie is closed to scripts and other sites, and worth nothing after the sign-out."""
    async with site.relay() as rig:
        session = await rig.sign_in("anne")
        async with session:
            cookie = next(iter(session.cookie_jar))
            assert (cookie.key, cookie["httponly"], cookie["samesite"], cookie["path"]) == (
                "passerelle", True, "Strict", "/")
            async with session.get(f"{rig.url}/api/me") as response:
                me = msgspec.json.decode(await response.read(), type=Me)
            assert me.doctor is not None
            assert (me.kind, me.name, me.doctor.rpps, me.demo) == ("doctor", "Dr Anne", "10000000000", True)
            assert me.ca == site.ca.certificate_pem
            async with session.post(f"{rig.url}/api/sign-out") as response:
                assert response.status == 204
            async with rig.http.get(f"{rig.url}/api/me", cookies={"passerelle": cookie.value}) as response:
                assert await refusal(response) == (401, "session.needed")


async def test_the_cookie_is_stored_as_a_hash(site: Site) -> None:
    """Whoever reads the database cannot sign in with what is in it."""
    async with site.relay() as rig:
        session = await rig.sign_in("anne")
        async with session:
            value = next(iter(session.cookie_jar)).value
    raw = b"".join(path.read_bytes() for path in (site.folder / "data").glob("relay.sqlite3*"))
    assert value.encode() not in raw
    assert PASSWORD.encode() not in raw


async def test_a_wrong_password_and_an_unknown_name_look_the_same(site: Site) -> None:
    """Names cannot be listed by trying; neither name nor password is written anywhere."""
    with capture_logs() as logs:
        async with site.relay() as rig:
            assert await try_sign_in(rig, "anne", "wrong secret") == (401, "sign_in.refused")
            assert await try_sign_in(rig, "typed a secret here", "wrong secret") == (401, "sign_in.refused")
            async with rig.relay.context.storage.reading() as session:
                lines = list((await session.execute(select(AuditRow.entry))).scalars())
    assert sum(b"person.refused" in line for line in lines) == 2
    assert not any(b"secret" in line for line in lines)
    assert "secret" not in repr(logs)


async def test_guesses_are_limited_by_name(site: Site) -> None:
    """Five wrong tries, then the right password waits too; another person does not."""
    async with site.relay() as rig:
        for _ in range(5):
            assert (await try_sign_in(rig, "anne", "guess"))[0] == 401
        async with rig.http.post(f"{rig.url}/api/sign-in",
                                 json={"account": "anne", "password": PASSWORD}) as response:
            assert int(response.headers["Retry-After"]) > 0
            assert await refusal(response) == (429, "sign_in.wait")
        assert (await try_sign_in(rig, "paul", PASSWORD))[0] == 204


async def test_a_disabled_account_is_out_at_once(site: Site) -> None:
    """Cookie, token and socket end together, and the password does not help."""
    async with site.relay() as rig:
        session = await rig.sign_in("anne")
        async with session, rig.doctor("anne") as page:
            await rig.relay.context.sign_ins.disable("d-anne", by="it:ines")
            while not isinstance(said := await page.next(), Dismissed):
                assert said is not None
            assert said.code == "account.disabled"
            assert await page.closed() == 1008
            async with session.get(f"{rig.url}/api/me") as response:
                assert await refusal(response) == (401, "session.needed")
            async with session.post(f"{rig.url}/api/token") as response:
                assert await refusal(response) == (401, "session.needed")
            assert (await try_sign_in(rig, "anne", PASSWORD))[0] == 401


async def test_an_expired_sign_in_ends_with_its_sockets(site: Site) -> None:
    """Past its time a cookie is nobody's, and the sweep closes its sockets."""
    async with site.relay() as rig, rig.doctor("anne") as page:
        async with rig.relay.context.storage.session() as session:
            await session.execute(update(SignedIn).values(ends_at=datetime.now(UTC) - timedelta(seconds=1)))
        await rig.relay.context.sign_ins.end_expired()
        while not isinstance(said := await page.next(), Dismissed):
            assert said is not None
        assert said.code == "session.expired"


async def test_an_account_that_left_the_configuration_is_disabled(site: Site, tmp_path: Path) -> None:
    """Without `demo` the demonstration's doctors are out; IT still signs in."""
    async with site.relay() as rig:
        assert (await try_sign_in(rig, "anne", PASSWORD))[0] == 204
    without = make_site(tmp_path, demo=False)
    async with without.relay() as rig:
        assert (await try_sign_in(rig, "anne", PASSWORD))[0] == 401
        assert (await try_sign_in(rig, "ines", PASSWORD))[0] == 204
    async with site.relay() as rig:
        assert (await try_sign_in(rig, "anne", PASSWORD))[0] == 204


async def test_a_certificate_survives_a_restart(site: Site) -> None:
    """Reading the configuration again does not forget the doctor's certificate."""
    async with site.relay() as rig:
        await rig.relay.context.accounts.keep_certificate("d-anne", "PEM")
    async with site.relay() as rig, rig.relay.context.storage.reading() as session:
        account = await session.get(Account, "d-anne")
        assert account is not None
        assert account.certificate == "PEM"


@pytest.mark.parametrize("headers", [
    {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"}])
async def test_another_site_cannot_post(site: Site, headers: dict[str, str]) -> None:
    """Nothing changes on the word of a page of another origin (CSRF)."""
    sign_in = {"account": "anne", "password": PASSWORD}
    async with site.relay() as rig, rig.http.post(f"{rig.url}/api/sign-in", json=sign_in,
                                                  headers=headers) as response:
        assert await refusal(response) == (403, "request.origin")
        assert not response.cookies


@pytest.mark.parametrize(("body", "kind", "status", "code"), [
    (b"account=anne&password=x", "application/x-www-form-urlencoded", 415, "request.not_json"),
    (b'{"account":"anne"}', "text/plain", 415, "request.not_json"),
    (b'{"account":"anne"}', "application/json", 422, "request.malformed"),
    (b'{"account":"anne","password":"x","more":1}', "application/json", 422, "request.malformed"),
    (b'{"account":1,"password":"x"}', "application/json", 422, "request.malformed"),
    (b"\xff\xfe", "application/json", 422, "request.malformed"),
    (b"[" * 100_000, "application/json", 422, "request.malformed"),
    (b" " * 300_000, "application/json", 413, "request.too_large"),
])
async def test_a_bad_body_gets_a_code(site: Site, body: bytes, kind: str, status: int, code: str) -> None:
    """Malformed, foreign or oversized: a coded error body, never a traceback."""
    async with site.relay() as rig, rig.http.post(f"{rig.url}/api/sign-in", data=body,
                                                  headers={"Content-Type": kind}) as response:
        assert await refusal(response) == (status, code)


async def test_what_is_not_there_gets_a_code(site: Site) -> None:
    """404 and 405 have error bodies too."""
    async with site.relay() as rig:
        async with rig.http.get(f"{rig.url}/api/nothing") as response:
            assert await refusal(response) == (404, "request.not_found")
        async with rig.http.get(f"{rig.url}/api/sign-in") as response:
            assert await refusal(response) == (405, "request.method")


async def test_the_page_comes_with_its_headers(site: Site) -> None:
    """No inline script, no frame, no cache of documents; assets are for ever."""
    dist = site.folder / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "doctor.html").write_text("<!doctype html><title>Médecin</title>")
    (dist / "kiosk.html").write_text("kiosk")
    (dist / "assets" / "doctor-abc.js").write_text("1")
    (dist / "secret.key").write_text("secret")
    # The configuration was read before the folder was there.
    site.config = msgspec.structs.replace(
        site.config, browser=msgspec.structs.replace(site.config.browser, web=str(dist)))
    async with site.relay() as rig:
        async with rig.http.get(f"{rig.url}/") as response:
            policy = response.headers["Content-Security-Policy"]
            assert "Médecin" in await response.text()
            assert response.headers["Cache-Control"] == "no-store"
        rules = {rule.split(" ", 1)[0]: rule for rule in policy.split("; ")}
        assert rules["script-src"] == "script-src 'self'"
        assert rules["connect-src"] == "connect-src 'self'"
        assert rules["frame-ancestors"] == "frame-ancestors 'none'"
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        async with rig.http.get(f"{rig.url}/assets/doctor-abc.js") as response:
            assert response.content_type == "text/javascript"
            assert "immutable" in response.headers["Cache-Control"]
        for path in ("kiosk.html", "secret.key", "assets/..%2Fsecret.key", "assets/%2E%2E/secret.key", "assets/",
                     "assets/.js", "assets/doctor-abc.js%00"):
            async with rig.http.get(URL(f"{rig.url}/{path}", encoded=True)) as response:
                assert response.status in (400, 404), path
                assert "secret" not in await response.text()


async def test_a_missing_page_says_what_to_run(site: Site) -> None:
    """Without the built web client the relay answers with the command that builds it."""
    async with site.relay() as rig, rig.http.get(f"{rig.url}/") as response:
        assert response.status == 503
        text = await response.text()
        assert "run build" in text
        assert "<script" not in text

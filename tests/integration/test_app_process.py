"""The gateway as a process of its own: how it starts, refuses to start, ends, and comes back after kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.exits import ExitCode
from gateway.identity import VehicleFile
from protocol import SUBPROTOCOL
from protocol.kiosk import KioskMessage, KioskReply, KioskState, RelayLink
from protocol.kiosk_commands import KioskCommand, OpenEncounter, SignInNurse
from protocol.values import Patient, Reason, Urgency
from relay.fleet.ca import IssuingAuthority, private_key_pem

ROOT = Path(__file__).parents[2]
WAIT = 60.0
PIN_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("1234")


def vehicle_folder(directory: Path) -> None:
    now = datetime.now(UTC)
    ca = IssuingAuthority.create("Operator", now)
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    directory.mkdir(parents=True)
    (directory / "vehicle.key").write_bytes(private_key_pem(key))
    (directory / "vehicle.pem").write_text(ca.issue_vehicle(
        csr.public_bytes(serialization.Encoding.PEM).decode(), vehicle_id="bus-1", name="Bus",
        now=now).certificate_pem)
    (directory / "ca.pem").write_text(ca.certificate_pem)
    (directory / "vehicle.json").write_bytes(msgspec.json.encode(
        VehicleFile(vehicle_id="bus-1", name="Bus", relay_url="https://127.0.0.1:1")))


def configuration(directory: Path, port: int = 0, extra: str = "") -> Path:
    web = directory / "web"
    web.mkdir(exist_ok=True)
    (web / "kiosk.html").write_text("<!doctype html>")
    file = directory / "gateway.toml"
    file.write_text(f"""
data = "{directory / 'data'}"
{extra}
[kiosk]
port = {port}
web = "{web}"
[camera]
source = "v4l2:{directory / 'no-camera'}"
[printer]
kind = "folder"
target = "{directory / 'tray'}"
[[nurse]]
id = "ines"
name = "Inès"
pin_hash = "{PIN_HASH}"
""")
    return file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    vehicle_folder(tmp_path / "data" / "identity")
    return tmp_path


class Running:
    """A started gateway: what it said to the service manager, and where its kiosk is."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, manager: socket.socket) -> None:
        self.process, self.port, self.manager = process, port, manager

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def notified(self, word: str) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WAIT):
            while word not in (await loop.sock_recv(self.manager, 4096)).decode():
                pass

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), WAIT)


@asynccontextmanager
async def gateway(file: Path) -> AsyncIterator[Running]:
    notify = file.parent / "notify"
    notify.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, (file.parent / "log").open("ab") as log:
        manager.bind(str(notify))
        manager.setblocking(False)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", "--config", str(file), cwd=ROOT, stdout=log, stderr=log,
            env=os.environ | {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "30000000"})
        try:
            async with asyncio.timeout(WAIT):
                said = (await asyncio.get_running_loop().sock_recv(manager, 4096)).decode()
            assert said.startswith("READY=1"), said
            yield Running(process, int(said.rsplit(" ", 1)[1]), manager)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def refused(file: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "run", "--config", str(file), cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), WAIT)
    assert process.returncode is not None
    lines = said.decode().strip().splitlines()
    return process.returncode, lines[-1] if len(lines) == 1 else said.decode()


class Page:
    """A page of the touchscreen, with its cookie."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.state: KioskState | None = None
        self._number = 0

    async def hear(self) -> KioskState | KioskReply:
        message = await self._socket.receive_str(timeout=WAIT)
        heard = msgspec.json.decode(message, type=KioskMessage)
        if isinstance(heard, KioskState):
            self.state = heard
        assert isinstance(heard, KioskState | KioskReply)
        return heard

    async def do(self, body: SignInNurse | OpenEncounter) -> KioskReply:
        self._number += 1
        await self._socket.send_str(msgspec.json.encode(KioskCommand(id=self._number, body=body)).decode())
        while not isinstance(heard := await self.hear(), KioskReply):
            pass
        return heard


@asynccontextmanager
async def page_of(http: aiohttp.ClientSession, running: Running) -> AsyncIterator[Page]:
    async with http.ws_connect(running.url + "/ws", protocols=(SUBPROTOCOL,), origin=running.url) as socket:
        page = Page(socket)
        await page.hear()
        yield page


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def test_it_starts_without_a_relay_and_says_so(home: Path) -> None:
    """No network, no camera: the kiosk is served, ready and the watchdog are notified, the problems are named."""
    async with gateway(configuration(home)) as running, browser() as http, page_of(http, running) as page:
        await running.notified("WATCHDOG=1")
        assert page.state is not None
        while page.state.link.relay is not RelayLink.offline:
            await page.hear()
        codes = {(problem.code, problem.subject) for problem in page.state.problems}
        assert ("relay.unreachable", "relay") in codes
        assert any(subject == "camera" for _, subject in codes)
        assert page.state.encounter is None
        running.process.send_signal(signal.SIGTERM)
        await running.notified("STOPPING=1")
        assert await running.ended() == ExitCode.ok
    log = (home / "log").read_text()
    assert "Traceback" not in log
    assert log.count('"link.down"') == 1


async def read(http: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, str, str]:
    async with http.get(url, headers=headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_an_agent_on_this_machine_reads_figures_and_health(home: Path) -> None:
    """Prometheus' text form and JSON on the kiosk's loopback port, to nobody's page but our own."""
    async with gateway(configuration(home)) as running, browser() as http:
        status, kind, text = await read(http, running.url + "/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "# TYPE passerelle_call_up gauge\npasserelle_call_up 0.0\n" in text
        assert "# TYPE passerelle_call_keyframes_total counter\n" in text
        status, kind, text = await read(http, running.url + "/health")
        assert (status, kind) == (200, "application/json")
        assert json.loads(text)["call"] is None
        assert any(problem["subject"] == "camera" for problem in json.loads(text)["problems"])
        for path in ("/metrics", "/health"):
            assert (await read(http, running.url + path, Origin="http://evil.example"))[0] == 403
            assert (await read(http, running.url + path, Host="evil.example"))[0] == 421


async def test_after_kill_9_the_same_nurse_has_the_same_encounter(home: Path) -> None:
    """I1: what the kiosk was told is done is there after a kill, and the page needs no new sign-in."""
    async with browser() as http:
        async with gateway(configuration(home)) as running:
            port = running.port
            async with page_of(http, running) as page:
                assert (await page.do(SignInNurse(nurse_id="ines", pin="1234"))).code is None
                opened = await page.do(OpenEncounter(patient=Patient(anonymous=True), consent=True,
                                                     reason=Reason.heart, urgency=Urgency.soon))
                assert opened.code is None
                running.process.send_signal(signal.SIGKILL)
                await running.ended()
        async with gateway(configuration(home, port)) as running, page_of(http, running) as page:
            while page.state is None or page.state.encounter is None:
                await page.hear()
            assert page.state.nurse is not None
            assert page.state.encounter.encounter_id == opened.encounter_id


async def test_a_second_gateway_on_the_same_folder_is_refused(home: Path) -> None:
    """Two processes never write one patient's file."""
    file = configuration(home)
    async with gateway(file):
        code, said = await refused(file)
    assert (code, "another gateway" in said) == (ExitCode.unavailable, True)


async def test_a_port_in_use_is_one_sentence(home: Path) -> None:
    """Exit 69, and the address is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = await refused(configuration(home, port))
    assert code == ExitCode.unavailable
    assert str(port) in said
    assert "port is in use" in said


@pytest.mark.parametrize(("break_it", "code", "word"), [
    ("config", ExitCode.configuration, "unknown key"), ("missing", ExitCode.configuration, "can't be read"),
    ("identity", ExitCode.configuration, "enrol"), ("page", ExitCode.configuration, "kiosk.html"),
    ("driver", ExitCode.configuration, "driver"), ("folder", ExitCode.cannot_create, "data")])
async def test_what_keeps_it_from_starting_is_one_sentence_and_a_code(home: Path, break_it: str, code: ExitCode,
                                                                      word: str) -> None:
    """Whatever is wrong is said in one line on stderr, never by a traceback."""
    file = configuration(home)
    match break_it:
        case "config":
            file.write_text("speed = 1\n" + file.read_text())
        case "missing":
            file = home / "none.toml"
        case "identity":
            (home / "data" / "identity" / "vehicle.json").unlink()
        case "page":
            (home / "web" / "kiosk.html").unlink()
        case "driver":
            file.write_text(file.read_text() + '[[instrument]]\nnumber = 1\nid = "x"\nkind = "ecg"\nname = "x"\n'
                                               'driver = "none"\nsource = "y"\n')
        case "folder":
            text = file.read_text().replace(f'data = "{home / "data"}"', f'data = "{file}/data"')
            file.write_text(text + f'[identity]\ndirectory = "{home / "data" / "identity"}"\n')
    got, said = await refused(file)
    assert got == code, said
    assert word in said
    assert "\n" not in said


@pytest.mark.parametrize("arguments", [[], ["fly"], ["run"], ["enrol", "X"]])
async def test_a_wrong_command_line_is_usage(arguments: list[str]) -> None:
    """Exit 64 and one line."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", *arguments, cwd=ROOT,
                                                   stderr=asyncio.subprocess.PIPE)
    _, said = await asyncio.wait_for(process.communicate(), WAIT)
    assert (process.returncode, said.count(b"\n")) == (ExitCode.usage, 1)


async def test_a_pin_becomes_a_hash_that_fits_it() -> None:
    """`pin` reads digits from its input and prints an argon2id hash; letters are refused."""
    for typed, code in ((b"4711\n", ExitCode.ok), (b"abcd\n", ExitCode.usage)):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "pin", cwd=ROOT, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
        out, _ = await asyncio.wait_for(process.communicate(typed), WAIT)
        assert process.returncode == code
        if code is ExitCode.ok:
            assert PasswordHasher().verify(out.decode().strip(), "4711")


async def test_logs_carry_codes_and_no_patient(home: Path) -> None:
    """I8: after a consultation was opened the log is JSON lines without a name, a PIN or a token."""
    async with gateway(configuration(home)) as running, browser() as http, page_of(http, running) as page:
        await page.do(SignInNurse(nurse_id="ines", pin="1234"))
        opened = await page.do(OpenEncounter(
            patient=Patient(family_name="Zylberstein", given_name="Ondine", birth_date="1951-03-14"),
            consent=True, reason=Reason.heart, urgency=Urgency.soon))
        assert opened.code is None, opened
        told = [(await read(http, running.url + path))[2] for path in ("/metrics", "/health")]
        running.process.send_signal(signal.SIGTERM)
        await running.ended()
    log = (home / "log").read_text()
    assert all(secret not in text for text in told for secret in ("Zylberstein", "Ondine", "1951", "Inès"))
    for line in log.splitlines():
        assert json.loads(line)["event"]
    for secret in ("Zylberstein", "Ondine", "1951", "1234\"", "argon2"):
        assert secret not in log


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk without a free byte, as the data directory."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "data"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", str(folder)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        ballast = os.open(folder / "ballast", os.O_WRONLY | os.O_CREAT)
        with contextlib.suppress(OSError):
            while os.write(ballast, bytes(4096)):
                pass
        os.close(ballast)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.root
async def test_a_full_disk_is_one_sentence(small_disk: Path, tmp_path: Path) -> None:
    """Exit 73 when there is no room for the database, and the folder is named."""
    vehicle_folder(tmp_path / "identity")
    code, said = await refused(configuration(tmp_path, extra=f'identity.directory = "{tmp_path / "identity"}"'))
    assert code == ExitCode.cannot_create, said
    assert "disk is full" in said
    assert str(small_disk) in said
    assert "\n" not in said

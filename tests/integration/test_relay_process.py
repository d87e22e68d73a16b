"""The relay as a process: it says its addresses, exits with a sentence and a code, survives kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from protocol.accounts import SignIn
from tests.integration.relay_rig import PASSWORD, Site, make_site

ROOT = Path(__file__).resolve().parents[2]

START_SECONDS = 90
"""A start is two seconds of work; on a machine that two browsers share it was seen to take thirty."""


def write_config(site: Site) -> Path:
    """The site's configuration as a file."""
    lines = [f'data = "{site.config.data}"', "demo = true"]
    for table in ("browser", "vehicle", "ca"):
        lines.append(f"[{table}]")
        for name, value in msgspec.to_builtins(getattr(site.config, table)).items():
            if value not in ("", []):
                lines.append(f"{name} = {msgspec.json.encode(value).decode()}")
    for kind in ("doctor", "it"):
        for person in getattr(site.config, kind):
            lines.append(f"[[{kind}]]")
            lines += [f"{name} = {msgspec.json.encode(value).decode()}"
                      for name, value in msgspec.to_builtins(person).items() if value]
    path = site.folder / "relay.toml"
    path.write_text("\n".join(lines))
    return path


def change(config: Path, old: str, new: str) -> None:
    """Write a configuration with one thing changed, at its first place."""
    config.write_text(config.read_text().replace(old, new, 1))


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`passerelle-relay` with these arguments, ended when the block ends."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "relay", *arguments, cwd=ROOT, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"})
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


async def outcome(*arguments: str) -> tuple[int | None, str]:
    async with process(*arguments) as running, asyncio.timeout(START_SECONDS):
        _, error = await running.communicate()
        return running.returncode, error.decode()


async def browser_url(running: asyncio.subprocess.Process) -> str:
    assert running.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        line = (await running.stdout.readline()).decode().split()
        await running.stdout.readline()
    assert line[0] == "browser"
    return line[1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(make_site(tmp_path))


async def test_it_starts_answers_and_stops_on_a_signal(config: Path) -> None:
    """SIGTERM ends it with 0, the sockets hear 1012, and a sign-in survives the restart and a kill -9."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            async with process("serve", "--config", str(config)) as running:
                url = await browser_url(running)
                if number is signal.SIGTERM:
                    async with http.post(f"{url}/api/sign-in", json=msgspec.to_builtins(
                            SignIn(account="anne", password=PASSWORD))) as response:
                        assert response.status == 204
                async with http.get(f"{url}/api/me") as response:
                    assert response.status == 200
                async with http.post(f"{url}/api/token") as response:
                    token = (await response.json())["token"]
                async with http.ws_connect(f"{url}/ws") as page:
                    await page.send_json({"n": 0, "ack": 0, "body": {
                        "type": "hello", "version": 1, "role": "doctor", "token": token}})
                    assert (await page.receive_json())["body"]["type"] == "welcome"
                    running.send_signal(number)
                    async with asyncio.timeout(START_SECONDS):
                        while not page.closed:
                            await page.receive()
                        assert await running.wait() == (-9 if number is signal.SIGKILL else 0)
                    assert page.close_code == (1006 if number is signal.SIGKILL else 1012)
    assert await outcome("audit", "--config", str(config)) == (0, "")


async def test_a_port_in_use_is_said(config: Path) -> None:
    """Exit 69 and one sentence that names the port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        change(config, "port = 0", f"port = {port}")
        code, error = await outcome("serve", "--config", str(config))
    assert code == 69
    sentence = [line for line in error.splitlines() if line.startswith("passerelle-relay:")]
    assert len(sentence) == 1
    assert str(port) in sentence[0]
    assert "Traceback" not in error


@pytest.mark.parametrize(("wrong", "code", "words"), [
    (("demo = true", "demo = treu"), 65, "not TOML"),
    (("demo = true", "dmeo = true"), 65, "dmeo"),
    (("demo = true", "demo = false"), 65, "demo = true"),
    (("server.pem", "ca.key"), 65, "certificate"),
    (("/ca.key", "/server.key"), 65, "key does not belong"),
    (("/ca.key", "/none.key"), 65, "none.key"),
])
async def test_a_bad_configuration_is_one_sentence(config: Path, wrong: tuple[str, str], code: int, words: str) -> None:
    """Exit 65, a sentence, no traceback."""
    change(config, *wrong)
    got, error = await outcome("serve", "--config", str(config))
    assert got == code, error
    assert words in error.splitlines()[-1]
    assert "Traceback" not in error


async def test_a_folder_in_the_way_is_said(config: Path) -> None:
    """A data folder that is a file, and a configuration that is not there."""
    change(config, "/data", "/relay.toml")
    code, error = await outcome("serve", "--config", str(config))
    assert code in (69, 73, 77)
    assert "Traceback" not in error
    assert (await outcome("serve", "--config", str(config.parent / "none.toml")))[0] == 65


async def test_a_password_is_hashed_for_the_configuration() -> None:
    """The hash is printed, the password is not."""
    async with process("password") as running:
        output, _ = await running.communicate(b"a secret phrase\n")
        assert running.returncode == 0
    assert output.startswith(b"$argon2id$")
    assert b"secret" not in output

"""The whole gateway under the power cuts: `passerelle-gateway run` with simulated hardware, used as a nurse uses it.

Speaks the lines of `bench.powercut_driver`. What counts as acknowledged is what a person is told: a
reading that the kiosk shows in the open encounter, a still whose "keep" was answered, the encounter itself.
The relay is away, as in a village without a network. Run it with `./run bench powercut --gateway`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import socket
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.powercut_driver import MODES, acknowledge
from gateway import durable_file
from gateway.identity import CA_FILE, CERTIFICATE_FILE, KEY_FILE, VEHICLE_FILE, VehicleFile
from protocol import SUBPROTOCOL
from protocol.kiosk import KioskMessage, KioskReply, KioskState
from protocol.kiosk_commands import (
    CaptureStill,
    CommandBody,
    KeepStill,
    KioskCommand,
    OpenEncounter,
    SignInNurse,
    StartWaveform,
)
from protocol.values import Patient, Reason, Urgency
from relay.fleet.ca import IssuingAuthority, private_key_pem
from sim.demo.configuration import NURSES, gateway_toml

START_SECONDS = 60.0
"""Codecs and radio of two processes load in about 3 s on an idle machine."""

NOWHERE = "https://127.0.0.1:9"
"""The discard port: nobody answers."""

CUFF_SECONDS = 0.3
"""A cuff in a hurry: the visits of its radio are what takes time."""

_messages: msgspec.json.Decoder[KioskMessage] = msgspec.json.Decoder(KioskMessage)


class Kiosk:
    """A touchscreen without a screen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[KioskReply]] = {}
        self._moved = asyncio.Event()
        self.state: KioskState | None = None

    async def listen(self) -> None:
        """Read until the gateway is gone; say each reading that is shown."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            body = _messages.decode(message.data)
            if isinstance(body, KioskState):
                self.state = body
                if body.encounter is not None:
                    for reading in body.encounter.readings:
                        acknowledge(reading=reading.reading_id)
                self._moved.set()
            elif isinstance(body, KioskReply) and (waiting := self._replies.pop(body.id, None)) is not None:
                waiting.set_result(body)

    async def do(self, body: CommandBody) -> KioskReply:
        """Send a command, wait for its reply."""
        number = next(self._ids)
        self._replies[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(msgspec.json.encode(KioskCommand(id=number, body=body)).decode())
        return await self._replies[number]

    async def seen(self) -> KioskState:
        """The next state."""
        self._moved.clear()
        await self._moved.wait()
        assert self.state is not None
        return self.state


class Life:
    """One start of hardware and gateway on what the cut left."""

    def __init__(self, directory: Path, synchronous: str) -> None:
        self._data = directory
        self._synchronous = synchronous
        self._home = Path(tempfile.mkdtemp(prefix="gateway."))

    async def run(self) -> None:
        """Until killed."""
        self._data.mkdir(parents=True, exist_ok=True)
        durable_file.sync_folder(self._data.parent)
        (self._home / "data").symlink_to(self._data)
        self._enrol()
        parts = await self._hardware()
        port = _free_port()
        config = self._configure(parts, port)
        # stderr goes where the caller's goes; stdout is for acknowledgements only.
        gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", _GATEWAY, self._synchronous, str(config),
                                                       stdout=asyncio.subprocess.DEVNULL)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
            base = f"http://127.0.0.1:{port}"
            async with asyncio.timeout(START_SECONDS):
                await _answers(http, base)
            async with http.ws_connect(f"{base}/ws", protocols=(SUBPROTOCOL,), headers={"Origin": base}) as ws:
                await self._nurse(Kiosk(ws), http, parts["control"])
        await gateway.wait()

    async def _nurse(self, kiosk: Kiosk, http: aiohttp.ClientSession, control: str) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kiosk.listen())
            await kiosk.do(SignInNurse(nurse_id=NURSES[0].nurse_id, pin=NURSES[0].pin))
            state = await kiosk.seen()
            while state.nurse is None:
                state = await kiosk.seen()
            if state.encounter is None:
                # Refused (`encounter.open`) when the store was not read yet: then it is shown in a moment.
                await kiosk.do(OpenEncounter(patient=Patient(anonymous=True), consent=True,
                                             reason=Reason.heart, urgency=Urgency.routine))
            while state.encounter is None:
                state = await kiosk.seen()
            acknowledge(encounter=state.encounter.encounter_id)
            tasks.create_task(self._stills(kiosk))
            tasks.create_task(self._pressures(http, control))
            await kiosk.do(StartWaveform(instrument_id="ecg"))

    async def _stills(self, kiosk: Kiosk) -> None:
        while True:
            reply = await kiosk.do(CaptureStill(instrument_id="skin"))
            if reply.code is not None:
                await asyncio.sleep(0.2)
                continue
            while kiosk.state is None or kiosk.state.review is None:
                await kiosk.seen()
            still = kiosk.state.review.still
            reply = await kiosk.do(KeepStill(still_id=still.still_id))
            if reply.code is None:
                acknowledge(still=still.still_id, sha256=still.sha256)
                while kiosk.state.review is not None and kiosk.state.review.still.still_id == still.still_id:
                    await kiosk.seen()

    async def _pressures(self, http: aiohttp.ClientSession, control: str) -> None:
        while True:
            async with http.post(f"{control}/cuff/measure", json={"seconds": CUFF_SECONDS}) as response:
                await response.read()
            await asyncio.sleep(CUFF_SECONDS)

    async def _hardware(self) -> dict[str, Any]:
        folder = self._home / "sim"
        sim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sim", "vehicle", "--dir", str(folder), "--no-camera",
            stdout=asyncio.subprocess.PIPE)
        assert sim.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            if not await sim.stdout.readline():
                raise RuntimeError("the simulated hardware did not start")
        parts: dict[str, Any] = json.loads((folder / "sim.json").read_text())
        # An unplugged room camera costs no processor.
        return {**parts, "camera": "tcp://127.0.0.1:9"}

    def _configure(self, parts: dict[str, Any], port: int) -> Path:
        page = self._home / "web_client" / "dist"
        page.mkdir(parents=True)
        (page / "kiosk.html").write_text("<!doctype html>")
        (self._home / "prints").mkdir()
        pins = {nurse.nurse_id: PasswordHasher(time_cost=1, memory_cost=1024).hash(nurse.pin) for nurse in NURSES}
        config = self._home / "gateway.toml"
        config.write_text(gateway_toml(self._home, self._home, NOWHERE, port, parts, ("lo",), pins))
        return config

    def _enrol(self) -> None:
        folder = self._home / "identity"
        folder.mkdir(mode=0o700)
        now = datetime.now(UTC)
        authority = IssuingAuthority.create("powercut", now)
        key = ec.generate_private_key(ec.SECP256R1())
        csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
        issued = authority.issue_vehicle(csr.public_bytes(serialization.Encoding.PEM).decode(),
                                         vehicle_id="bench", name="bench", now=now)
        for name, content in ((KEY_FILE, private_key_pem(key)), (CERTIFICATE_FILE, issued.certificate_pem.encode()),
                              (CA_FILE, authority.certificate_pem.encode()),
                              (VEHICLE_FILE, msgspec.json.encode(VehicleFile(vehicle_id="bench", name="bench",
                                                                             relay_url=NOWHERE)))):
            durable_file.write(folder / name, content)


_GATEWAY = """
import sys
from bench.powercut_driver import MODES
from gateway.store.store import Store
mode, config = sys.argv[1:]
if mode != "FULL":
    # The control: the same program with a weaker disk mode, put in from outside.
    Store.__init__.__kwdefaults__["durability"] = MODES[mode]
from gateway.__main__ import main
main(["run", "--config", config])
"""


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(http: aiohttp.ClientSession, base: str) -> None:
    while True:
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(f"{base}/") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.05)


def main() -> None:
    """`python -m bench.powercut_gateway --directory DIR --life NAME [--synchronous NORMAL]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--life", required=True)
    parser.add_argument("--synchronous", choices=sorted(MODES), default="FULL")
    options = parser.parse_args()
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    asyncio.run(Life(options.directory, options.synchronous).run())


if __name__ == "__main__":
    main()

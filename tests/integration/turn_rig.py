"""A real TURN server of the system's (coturn) on loopback, for the tests that need one."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import secrets
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, CREDENTIAL = "bus", "of-the-test"


def missing() -> str:
    """Why tests with coturn cannot run here; empty when they can."""
    return "" if shutil.which("turnserver") else "there is no coturn: apt-get install coturn"


@dataclass(frozen=True, slots=True)
class Turn:
    """Where it listens. `ca`: the file that vouches for its TLS."""

    port: int
    tls_port: int
    ca: Path
    process: asyncio.subprocess.Process

    def url(self, way: str, host: str = "127.0.0.1") -> str:
        """`turn:`/`turns:` address of one transport."""
        host = f"[{host}]" if ":" in host else host
        if way == "tls":
            return f"turns:{host}:{self.tls_port}?transport=tcp"
        return f"turn:{host}:{self.port}?transport={way}"


def free_port() -> int:
    """A port nobody has now, nor gets by asking for any: below those that the kernel hands out (from 32768 on)."""
    while True:
        port = 10_000 + secrets.randbelow(22_768)
        with (socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams,
              contextlib.suppress(OSError)):
            stream.bind(("127.0.0.1", port))
            datagrams.bind(("127.0.0.1", port))
            return port


@contextlib.asynccontextmanager
async def turn(folder: Path, *options: str, addresses: tuple[str, ...] = ("127.0.0.1",)) -> AsyncIterator[Turn]:
    """Run one until the block ends."""
    certificate, key = _certificate(folder, addresses)
    port, tls_port = free_port(), free_port()
    listening = [f"--listening-ip={address}" for address in addresses]
    relaying = [f"--relay-ip={address}" for address in addresses]
    process = await asyncio.create_subprocess_exec(
        "turnserver", "-n", *listening, *relaying, f"--listening-port={port}", f"--tls-listening-port={tls_port}",
        f"--cert={certificate}", f"--pkey={key}", "--lt-cred-mech", f"--user={USER}:{CREDENTIAL}", "--realm=test",
        "--allow-loopback-peers", "--no-cli", "--log-file=stdout", f"--userdb={folder / 'turndb'}",
        f"--pidfile={folder / 'turn.pid'}", "--no-dtls", "--relay-threads=1", *options,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(40):
            for wanted in ((tls_port,) if "--no-tcp" in options else (port, tls_port)):
                while True:
                    try:
                        _, writer = await asyncio.open_connection(addresses[0], wanted)
                    except OSError:
                        await asyncio.sleep(0.05)
                        continue
                    writer.close()
                    await writer.wait_closed()
                    break
        yield Turn(port, tls_port, certificate, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _certificate(folder: Path, addresses: tuple[str, ...]) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "turn")])
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([
                *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
                x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    certificate_file, key_file = folder / "turn.pem", folder / "turn.key"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return certificate_file, key_file

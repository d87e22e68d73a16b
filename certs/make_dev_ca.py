"""Makes a development CA and the relay's server certificate in a folder outside git.

    python certs/make_dev_ca.py --directory DIR --host 127.0.0.1 --host localhost

Again with the same folder keeps the CA, and makes the server certificate anew only when it names
other hosts, is nearly over or does not fit its key. Exit codes: 0 ok, 64 usage, 65 unusable files,
73 cannot write.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from relay.fleet.ca import IssuingAuthority, private_key_pem
from relay.fleet.errors import AuthorityUnusable

CA_KEY_FILE = "ca.key"
CA_CERTIFICATE_FILE = "ca.pem"
SERVER_KEY_FILE = "server.key"
SERVER_CERTIFICATE_FILE = "server.pem"
RENEW_WITHIN = timedelta(days=30)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Make a development CA and the relay's server certificate.")
    parser.add_argument("--directory", type=Path, required=True, help="a folder git does not track")
    parser.add_argument("--host", action="append", required=True, help="host name or address of the relay; repeatable")
    parser.add_argument("--name", default="Passerelle development CA", help="name of a new CA")
    try:
        wanted = parser.parse_args(argv)
    except SystemExit as end:
        return 64 if end.code else 0
    directory: Path = wanted.directory.resolve()
    if _could_be_committed(directory):
        return _fail(64, f"{directory} is inside a git work tree that does not ignore it; keys must stay outside git")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(directory, wanted.name)
        made = _server(directory, authority, tuple(dict.fromkeys(wanted.host)))
    except AuthorityUnusable as error:
        return _fail(65, f"the CA in {directory} cannot be used ({error.code}); remove the folder to start again")
    except ValueError as error:
        return _fail(64, f"{error}")
    except OSError as error:
        return _fail(73, f"cannot write {error.filename}: {error.strerror}")
    print(f"{directory}: CA {authority.pin}, server certificate {'made' if made else 'kept'}")
    return 0


def _could_be_committed(directory: Path) -> bool:
    tree = next((folder for folder in (directory, *directory.parents) if (folder / ".git").exists()), None)
    git = shutil.which("git")
    if tree is None:
        return False
    # check-ignore answers 0 when a rule of .gitignore covers the path.
    return git is None or subprocess.run([git, "-C", str(tree), "check-ignore", "-q", str(directory / CA_KEY_FILE)],  # noqa: S603
                                         check=False).returncode != 0


def _authority(directory: Path, name: str) -> IssuingAuthority:
    present = [(directory / file).exists() for file in (CA_KEY_FILE, CA_CERTIFICATE_FILE)]
    if any(present):
        return IssuingAuthority.load(directory / CA_CERTIFICATE_FILE, directory / CA_KEY_FILE)
    authority = IssuingAuthority.create(name, datetime.now(UTC))
    _write(directory / CA_CERTIFICATE_FILE, authority.certificate_pem.encode("ascii"), 0o644)
    _write(directory / CA_KEY_FILE, authority.key_pem, 0o600)
    return authority


def _server(directory: Path, authority: IssuingAuthority, hosts: tuple[str, ...]) -> bool:
    if _good(directory, authority, hosts):
        return False
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue_server(key.public_key(), hosts=hosts, now=datetime.now(UTC))
    _write(directory / SERVER_KEY_FILE, private_key_pem(key), 0o600)
    # The CA goes along, so that a vehicle that enrols can compare it with the pin in its code.
    _write(directory / SERVER_CERTIFICATE_FILE,
           (issued.certificate_pem + authority.certificate_pem).encode("ascii"), 0o644)
    return True


def _good(directory: Path, authority: IssuingAuthority, hosts: tuple[str, ...]) -> bool:
    try:
        chain = x509.load_pem_x509_certificates((directory / SERVER_CERTIFICATE_FILE).read_bytes())
        key = serialization.load_pem_private_key((directory / SERVER_KEY_FILE).read_bytes(), password=None)
    except (OSError, ValueError):
        return False
    names = chain[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    return (found == set(hosts) and key.public_key() == chain[0].public_key()
            and chain[-1] == x509.load_pem_x509_certificate(authority.certificate_pem.encode("ascii"))
            and chain[0].not_valid_after_utc > datetime.now(UTC) + RENEW_WITHIN)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _fail(code: int, sentence: str) -> int:
    print(f"make_dev_ca: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""The script of the development CA, run as a person runs it."""

from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "certs" / "make_dev_ca.py"


def run(directory: Path, *hosts: str) -> subprocess.CompletedProcess[str]:
    arguments = [argument for host in hosts for argument in ("--host", host)]
    return subprocess.run([sys.executable, str(SCRIPT), "--directory", str(directory), *arguments],
                          capture_output=True, text=True, check=False)


def test_a_second_run_keeps_everything_and_other_hosts_keep_the_ca(tmp_path: Path) -> None:
    """The script is idempotent, and never replaces a CA that vehicles have pinned."""
    directory = tmp_path / "ca"
    assert run(directory, "127.0.0.1", "localhost").returncode == 0
    first = {file.name: file.read_bytes() for file in directory.iterdir()}
    assert sorted(first) == ["ca.key", "ca.pem", "server.key", "server.pem"]
    assert all(stat.S_IMODE((directory / key).stat().st_mode) == 0o600 for key in ("ca.key", "server.key"))
    assert run(directory, "127.0.0.1", "localhost").returncode == 0
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == first
    assert run(directory, "relay.example").returncode == 0
    assert (directory / "ca.key").read_bytes() == first["ca.key"]
    assert (directory / "server.pem").read_bytes() != first["server.pem"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")


def test_a_folder_that_git_would_track_is_refused(tmp_path: Path) -> None:
    """Keys cannot be made where a commit could take them; an ignored folder is fine."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text(".state/\n")
    refused = run(tmp_path / "certs", "localhost")
    assert (refused.returncode, list(tmp_path.glob("certs"))) == (64, [])
    assert "outside git" in refused.stderr
    assert run(tmp_path / ".state" / "ca", "localhost").returncode == 0


def test_unusable_files_end_with_one_sentence(tmp_path: Path) -> None:
    """Half a CA is not silently replaced by a new one."""
    (tmp_path / "ca.pem").write_text("nothing")
    refused = run(tmp_path, "localhost")
    assert refused.returncode == 65
    assert refused.stderr.count("\n") == 1

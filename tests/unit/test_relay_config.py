"""The configuration, TURN credentials, exit codes and origins."""

from __future__ import annotations

import base64
import errno
import hashlib
import hmac
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from relay.config import Browser, ConfigRefused, Turn, is_loopback, load, parse
from relay.exits import Exit, explained
from relay.origins import Origins
from relay.storage.base import StorageError
from relay.turn import TurnServers

MINIMAL = """
data = "data"
[vehicle]
certificate = "s.pem"
key = "s.key"
ca = "ca.pem"
public_url = "https://relay.example:8444"
[ca]
certificate = "ca.pem"
key = "ca.key"
"""
DOCTOR = """
[[doctor]]
id = "d1"
account = "anne"
password_hash = "$argon2id$x"
name = "Anne"
"""


def test_paths_start_at_the_configuration(tmp_path: Path) -> None:
    """A relative path means the same wherever the relay is started."""
    config = parse(MINIMAL, tmp_path)
    assert config.data_folder == tmp_path / "data"
    assert config.ca.key == str(tmp_path / "ca.key")
    assert (config.browser.host, config.browser.port, config.demo) == ("127.0.0.1", 8080, False)


@pytest.mark.parametrize(("text", "words"), [
    ("", "data"),
    ("data = ", "not TOML"),
    (MINIMAL + "\n[browser]\nprot = 1", "prot"),
    (MINIMAL + "\n[browser]\nport = 70000", "port"),
    (MINIMAL + '\n[browser]\nhost = "0.0.0.0"', "loopback only"),
    (MINIMAL + '\n[browser]\nhost = "relay.example"', "loopback only"),
    (MINIMAL + '\n[browser]\ncertificate = "a"', "both certificate and key"),
    (MINIMAL + DOCTOR, "demo = true"),
    ("demo = true\n" + MINIMAL + DOCTOR + DOCTOR, "there twice"),
    (MINIMAL + '\n[turn]\nurls = ["turn:a"]', "both urls and secret_file"),
    (MINIMAL + '\n[[it]]\naccount = "a"\npassword_hash = "plain text"', "password_hash"),
])
def test_what_does_not_fit_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    """The sentence names what is wrong and never repeats a value that may be a secret."""
    with pytest.raises(ConfigRefused) as refused:
        parse(text, tmp_path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "plain text" not in str(refused.value)
    assert explained(refused.value) == (Exit.config, str(refused.value))


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    """A mistyped path is said, not traced."""
    with pytest.raises(ConfigRefused, match="does not exist"):
        load(tmp_path / "none.toml")


def test_plain_http_is_allowed_on_loopback_only() -> None:
    """Every loopback address and no other name."""
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "relay.example", ""))


def test_turn_credentials_are_coturns(tmp_path: Path) -> None:
    """`<expiry>:<user>` and base64(HMAC-SHA1(secret, username)), as coturn's README.turnserver has it."""
    secret = tmp_path / "turn.secret"
    secret.write_text("north-south-east-west\n")
    now = datetime(2026, 3, 1, tzinfo=UTC)
    (server,) = TurnServers.load(Turn(urls=("turns:turn.example:443",), secret_file=str(secret))).for_user("v1", now)
    assert server.username == f"{int(now.timestamp()) + 14_400}:v1"
    expected = hmac.new(b"north-south-east-west", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected
    assert TurnServers.load(Turn()).for_user("v1", now) == ()


def test_a_weak_or_missing_turn_secret_is_refused(tmp_path: Path) -> None:
    """A secret that can be tried out is no secret; the sentence does not show it."""
    secret = tmp_path / "turn.secret"
    with pytest.raises(ConfigRefused, match="does not exist"):
        TurnServers.load(Turn(urls=("turn:a",), secret_file=str(secret)))
    secret.write_text("short")
    with pytest.raises(ConfigRefused) as refused:
        TurnServers.load(Turn(urls=("turn:a",), secret_file=str(secret)))
    assert "short " not in str(refused.value).replace("shorter", "")


@pytest.mark.parametrize(("error", "code"), [
    (OSError(errno.EADDRINUSE, "address already in use"), 69),
    (PermissionError(errno.EACCES, "Permission denied", "data"), 77),
    (OSError(errno.ENOSPC, "No space left on device"), 73),
    (OSError(errno.EROFS, "Read-only file system"), 73),
    (FileNotFoundError(errno.ENOENT, "No such file", "server.pem"), 65),
    (StorageError("database.corrupt", "the database is damaged"), 69),
    (OperationalError("x", {}, sqlite3.OperationalError("unable to open database file")), 77),
    (OperationalError("x", {}, sqlite3.OperationalError("attempt to write a readonly database")), 77),
    (ExceptionGroup("g", [ValueError(), OSError(errno.ENOSPC, "full")]), 73),
])
def test_an_error_is_an_exit_code_and_a_sentence(error: Exception, code: int) -> None:
    """Port in use 69, permission 77, disk 73, configuration 65."""
    found = explained(error)
    assert found is not None
    assert found[0] == code
    assert "\n" not in found[1]


def test_our_own_fault_is_not_explained_away() -> None:
    """An unexpected error stays one."""
    assert explained(KeyError("x")) is None


def test_origins_are_a_list() -> None:
    """Scheme, host and port must all fit; nothing is compared by its beginning."""
    local = Origins(Browser())
    assert local.permits("http://127.0.0.1:8080", 8080)
    assert local.permits("http://localhost:8080", 8080)
    for other in (None, "null", "", "http://127.0.0.1", "http://127.0.0.1:8081", "https://127.0.0.1:8080",
                  "http://127.0.0.1:8080.evil.example", "http://evil.example:8080"):
        assert not local.permits(other, 8080)
    assert not local.secure_cookies
    public = Origins(Browser(host="relay.example", certificate="c", key="k", origins=("https://www.example/",)))
    assert public.permits("https://relay.example", 443)
    assert public.permits("https://www.example", 443)
    assert not public.permits("http://relay.example", 443)
    assert public.secure_cookies

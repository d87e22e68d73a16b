"""The configuration file: what it refuses, and the sentence it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import config
from gateway.config import ConfigError

FILE = Path("gateway.toml")
HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA"
GOOD = f"""
data = "/var/lib/passerelle"
simulated = true
[relay]
url = "https://relay.example:8444"
[camera]
source = "tcp://127.0.0.1:5000"
simulated = true
[printer]
kind = "folder"
target = "/var/lib/passerelle/paper"
[[nurse]]
id = "n1"
name = "Claire"
pin_hash = "{HASH}"
[[instrument]]
number = 1
id = "cuff"
kind = "blood_pressure"
name = "Tensiomètre"
driver = "ua651ble"
simulated = true
"""


def test_a_good_file_becomes_frozen_values() -> None:
    """Every table is there, with the defaults of those left out."""
    read = config.parse(GOOD, FILE)
    assert read.kiosk.port == 8090
    assert read.identity_directory == Path("/var/lib/passerelle/identity")
    assert read.instrument[0].id == "cuff"
    with pytest.raises(AttributeError):
        read.data = "/elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(("before", "after", "where", "word"), [
    ('source = "tcp', 'sauce = 1\nsource = "tcp', "camera.sauce", "unknown key"),
    ('data = "/var', 'datum = 1\ndata = "/var', "datum", "unknown key"),
    ("number = 1", 'number = "one"', "instrument[0].number", "int"),
    ("number = 1", "number = 0", "instrument[0].number", ">= 1"),
    ('kind = "folder"', 'kind = "fax"', "printer.kind", "'fax'"),
    ('source = "tcp://127.0.0.1:5000"', "", "camera.source", "missing"),
    ('url = "https:', 'url = "http:', "relay.url", "https"),
    ('data = "/var', 'data = "var', "data", "absolute"),
    (HASH, "1234", "nurse[0].pin_hash", "argon2id"),
    ("simulated = true\n[relay]", "[relay]", "simulated", "simulated = true"),
    ("[camera]", '[kiosk]\nhost = "0.0.0.0"\n[camera]', "kiosk.host", "127.0.0.1"),
    ("[camera]", "[media]\nfloor_kbps = 900\nceiling_kbps = 200\n[camera]", "media", "rise"),
    ("[camera]", '[[uplink]]\ninterface = "wwan0"\noperator = " "\n[camera]', "uplink[0].operator", "empty"),
    ("[camera]", '[[uplink]]\ninterface = "wan 0"\noperator = "Orange"\n[camera]', "uplink[0].interface", "regex"),
    ("[camera]", '[media]\ninterfaces = ["wwan1"]\n[[uplink]]\ninterface = "wwan0"\noperator = "Orange"\n[camera]',
     "uplink[0].interface", "[media] interfaces"),
    ("[camera]", '[[uplink]]\ninterface = "wwan0"\noperator = "Orange"\n' * 2 + "[camera]", "uplink[1].interface",
     "twice"),
    ("[camera]", '[radio]\nbackend = "a b"\n[camera]', "radio.backend", "regex"),
    ("[[instrument]]", GOOD[GOOD.index("[[instrument]]"):] + "[[instrument]]", "instrument[1].id", "twice"),
])
def test_a_bad_file_is_one_sentence_with_the_key(before: str, after: str, where: str, word: str) -> None:
    """The error names the file and the key's path and says what is wrong."""
    assert before in GOOD
    with pytest.raises(ConfigError) as caught:
        config.parse(GOOD.replace(before, after, 1), FILE)
    assert caught.value.where == where
    assert word in caught.value.what
    assert str(caught.value).startswith("gateway.toml: ")
    assert "\n" not in str(caught.value)


def test_text_that_is_not_toml_says_the_line() -> None:
    """A broken file names the line to mend."""
    with pytest.raises(ConfigError, match="line 2"):
        config.parse('data = "/x"\nwhat\ndemo = true', FILE)


def test_a_file_that_is_not_there_or_not_text_says_so(tmp_path: Path) -> None:
    """A wrong path and a binary file are sentences too."""
    with pytest.raises(ConfigError, match="can't be read"):
        config.read(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.read(tmp_path / "binary.toml")

"""Words, table and kept sign-in of the fleet's command line."""

from __future__ import annotations

import stat
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.__main__ import main
from fleet.errors import CommandFailed
from fleet.relay_http import RelayHttp
from fleet.session_file import Kept, SessionFile
from fleet.table import table
from fleet.words import ENGLISH, FRENCH, Words
from protocol.accounts import VehicleRow
from protocol.quality import CallSummary
from protocol.values import Problem

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_both_languages_say_the_same() -> None:
    """The same keys with the same facts in each."""
    def facts(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}
    assert FRENCH.keys() == ENGLISH.keys()
    assert {key for key in FRENCH if facts(FRENCH[key]) != facts(ENGLISH[key])} == set()


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, "jamais"), ({"LANG": "fr_FR.UTF-8"}, "jamais"), ({"LANG": "C.UTF-8"}, "jamais"),
    ({"LANG": "en_GB.UTF-8"}, "never"), ({"LANG": "fr_FR", "LC_ALL": "en_US"}, "never"),
    ({"LANG": "en_US", "LC_MESSAGES": "fr_FR", "LC_ALL": ""}, "jamais")])
def test_the_locale_decides(environment: dict[str, str], expected: str) -> None:
    """French unless the locale is English, by the order of POSIX."""
    assert Words(environment)("seen.never") == expected


def test_the_table_lines_up_and_cannot_steer_a_terminal() -> None:
    """Columns align whatever the names hold; control characters are dropped; ages are in words."""
    def row(vehicle_id: str, name: str, *, online: bool = False, seen: datetime | None = None,
            problems: tuple[str, ...] = ()) -> VehicleRow:
        return VehicleRow(vehicle_id=vehicle_id, name=name, territory="", state="active", online=online,
                          last_seen=seen, release="0.1.0", certificate_days=80,
                          problems=tuple(Problem(code=code, subject="cuff") for code in problems))
    text = table((row("v1", "Médicobus", online=True), row("v2", "漢\x1b[31m", seen=NOW - timedelta(minutes=5)),
                  row("v3", "é", seen=NOW - timedelta(hours=47)),
                  row("v4", "", seen=NOW - timedelta(days=3),
                      problems=("camera.missing", "instrument.silent", "odd.code"))),
                 Words({"LANG": "en"}), NOW)
    lines = text.splitlines()
    assert "\x1b" not in text
    for line, seen in zip(lines[1:], ("online", "5 min ago", "47 h ago", "3 d ago"), strict=True):
        assert seen in line
    assert lines[4].endswith("camera missing, instrument silent (cuff), odd.code")
    assert len({line.index("in service") + line.count("漢") for line in lines[1:]}) == 1


def test_a_bad_call_is_seen_from_afar() -> None:
    """How much of the call that runs, or the last one, was good, and how often it was cut."""
    def shown(call: CallSummary | None, language: str) -> str:
        row = VehicleRow(vehicle_id="v1", name="Médicobus", territory="", state="active", online=True, last_seen=None,
                         release="0.1.0", certificate_days=80, problems=(), call=call)
        return table((row,), Words({"LANG": language}), NOW)
    call = CallSummary(running=True, seconds=600, voice_good_percent=98.4, picture_good_percent=61.0, outages=3)
    assert "voix bonne 98 %, image bonne 61 %, coupures : 3" in shown(call, "fr")
    assert "voice good 98 %, picture good 61 %, outages: 3" in shown(call, "en")
    assert "voice" not in shown(None, "en").splitlines()[1]


def test_the_sign_in_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700; a file that is not ours counts as none."""
    file = SessionFile({"XDG_STATE_HOME": str(tmp_path)})
    kept = Kept(relay="https://relay.test", cookies={"https://relay.test": ("passerelle", "secret")})
    file.write(kept)
    assert file.read() == kept
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    file.path.write_text("{}x")
    assert file.read() == Kept()


@pytest.mark.parametrize("address", ["relay.test", "ftp://relay.test", "http://relay.test", "https://", "https://a:b",
                                     "https://relay.test/path", "http://192.0.2.1:8080"])
def test_addresses_that_would_leak_or_fail_are_refused(address: str) -> None:
    """No session over plain HTTP to another machine, and no half address."""
    with pytest.raises(CommandFailed) as failed:
        RelayHttp(address)
    assert (failed.value.exit_code, failed.value.code) == (64, "relay.address")


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://localhost", "https://relay.test:8443/",
                                     "http://[::1]:1"])
def test_good_addresses_are_taken(address: str) -> None:
    """HTTPS anywhere, HTTP on this machine."""
    assert RelayHttp(address).address == address.rstrip("/")


@pytest.mark.parametrize(("arguments", "code"), [
    ([], 64), (["fly"], 64), (["vehicle"], 64), (["revoke"], 64), (["--help"], 0), (["list"], 64),
    (["--relay", "http://127.0.0.1:9", "list"], 77),
    (["--relay", "http://127.0.0.1:9", "sign-in", "--account", "a"], 64),
    (["--relay", "http://127.0.0.1:9", "sign-in", "--account", "a", "--password-file", "/nowhere"], 64),
    (["--relay", "https://relay.test", "--ca", "/nowhere", "sign-in", "--account", "a", "--password-file", "{p}"], 64),
    (["--relay", "http://127.0.0.1:9", "sign-in", "--account", "a", "--password-file", "{p}"], 69)])
def test_every_failure_has_its_exit_code(arguments: list[str], code: int, tmp_path: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    """Usage 64, not signed in 77, relay away 69; one sentence, never a traceback."""
    password = tmp_path / "password"
    password.write_text("x")
    environment = {"XDG_STATE_HOME": str(tmp_path), "LANG": "en"}
    assert main([argument.replace("{p}", str(password)) for argument in arguments], environment) == code
    assert "Traceback" not in capsys.readouterr().err

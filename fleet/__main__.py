"""`passerelle-fleet`: vehicles for IT support. A password is asked for or read from a file, never an argument."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from protocol.accounts import VehicleCreated

from .errors import CommandFailed, ExitCode
from .relay_http import RelayHttp
from .session_file import Kept, SessionFile
from .table import table
from .words import Words


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Runs one command; returns its exit code. What went wrong is one sentence on standard error."""
    words = Words(environment)
    try:
        options = _parser(words).parse_args(arguments)
    except SystemExit as end:
        return ExitCode.usage if end.code else ExitCode.ok
    try:
        return _Commands(options, words, environment).run()
    except CommandFailed as failed:
        print(f"passerelle-fleet: {words.refusal(failed.code, failed.facts)}", file=sys.stderr)
        return failed.exit_code
    except BrokenPipeError:
        # `list | head`: the reader has seen enough; nothing more may be written, not even at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ok
    except KeyboardInterrupt:
        return 130


def _parser(words: Words) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="passerelle-fleet", description=words("about"))
    parser.add_argument("--relay", metavar="URL", help=words("help.relay"))
    parser.add_argument("--ca", type=Path, metavar="FILE", help=words("help.ca"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    sign_in = commands.add_parser("sign-in", help=words("help.sign_in"))
    sign_in.add_argument("--account", help=words("help.account"))
    sign_in.add_argument("--password-file", type=Path, metavar="FILE", help=words("help.password_file"))
    commands.add_parser("sign-out", help=words("help.sign_out"))
    vehicle = commands.add_parser("vehicle", help=words("help.vehicle"))
    of_vehicle = vehicle.add_subparsers(dest="vehicle_command", required=True, metavar="COMMAND")
    add = of_vehicle.add_parser("add", help=words("help.add"))
    add.add_argument("name", metavar="NAME", help=words("help.name"))
    add.add_argument("--territory", default="", help=words("help.territory"))
    code = of_vehicle.add_parser("code", help=words("help.code"))
    code.add_argument("vehicle", metavar="ID", help=words("help.id"))
    listing = commands.add_parser("list", help=words("help.list"))
    for command in (add, code, listing):
        command.add_argument("--json", action="store_true", help=words("help.json"))
    revoke = commands.add_parser("revoke", help=words("help.revoke"))
    revoke.add_argument("vehicle", metavar="ID", help=words("help.id"))
    revoke.add_argument("--yes", action="store_true", help=words("help.yes"))
    return parser


class _Commands:
    """One command on one relay."""

    def __init__(self, options: argparse.Namespace, words: Words, environment: Mapping[str, str]) -> None:
        self._options, self._words = options, words
        self._file = SessionFile(environment)
        self._kept = self._file.read()
        address = options.relay or environment.get("PASSERELLE_RELAY") or self._kept.relay
        if not address:
            raise CommandFailed(ExitCode.usage, "relay.unknown")
        self._relay = RelayHttp(address, ca=options.ca)
        self._relay.cookie = self._kept.cookies.get(self._relay.address)

    def run(self) -> int:
        """Does what was asked."""
        command = self._options.command
        if command == "sign-in":
            return self._sign_in()
        if self._relay.cookie is None:
            raise CommandFailed(ExitCode.permission, "session.needed", relay=self._relay.address)
        if command == "sign-out":
            return self._sign_out()
        if command == "list":
            return self._list()
        if command == "revoke":
            return self._revoke()
        if self._options.vehicle_command == "add":
            return self._show_code(self._relay.add(self._options.name, self._options.territory))
        return self._show_code(self._relay.new_code(self._options.vehicle))

    def _sign_in(self) -> int:
        self._relay.sign_in(self._account(), self._password())
        if self._relay.cookie is not None:
            cookies = {**self._kept.cookies, self._relay.address: self._relay.cookie}
            self._file.write(Kept(relay=self._relay.address, cookies=cookies))
        print(self._words("done.sign_in", relay=self._relay.address))
        return ExitCode.ok

    def _account(self) -> str:
        if self._options.account:
            return str(self._options.account)
        if not sys.stdin.isatty():
            raise CommandFailed(ExitCode.usage, "account.missing")
        return input(self._words("ask.account")).strip()

    def _password(self) -> str:
        file: Path | None = self._options.password_file
        if file is not None:
            try:
                return file.read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise CommandFailed(ExitCode.usage, "password.unreadable", file=str(file)) from error
        if not sys.stdin.isatty():
            raise CommandFailed(ExitCode.usage, "password.missing")
        return getpass.getpass(self._words("ask.password"))

    def _sign_out(self) -> int:
        try:
            self._relay.sign_out()
        except CommandFailed as failed:
            if failed.code != "session.needed":
                raise
        cookies = {address: cookie for address, cookie in self._kept.cookies.items() if address != self._relay.address}
        self._file.write(Kept(relay=self._kept.relay, cookies=cookies))
        print(self._words("done.sign_out", relay=self._relay.address))
        return ExitCode.ok

    def _list(self) -> int:
        rows = self._relay.vehicles()
        if self._options.json:
            print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode("utf-8"))
        else:
            print(table(rows, self._words, datetime.now(UTC)) if rows else self._words("list.empty"))
        return ExitCode.ok

    def _revoke(self) -> int:
        vehicle = self._options.vehicle
        # A script says what it means; a person at a terminal may have picked the wrong line.
        if not self._options.yes and sys.stdin.isatty():
            said = input(self._words("ask.revoke", vehicle=vehicle)).strip().lower()
            if not said.startswith(self._words("yes")):
                print(self._words("done.kept"))
                return ExitCode.ok
        self._relay.revoke(vehicle)
        print(self._words("done.revoke", vehicle=vehicle))
        return ExitCode.ok

    def _show_code(self, created: VehicleCreated) -> int:
        if self._options.json:
            print(msgspec.json.encode(created).decode("utf-8"))
            return ExitCode.ok
        print(self._words("done.code", vehicle=created.vehicle_id, code=created.code, relay=self._relay.address,
                          until=created.expires_at.astimezone().strftime("%d/%m/%Y %H:%M")))
        return ExitCode.ok


if __name__ == "__main__":
    sys.exit(main())

"""`passerelle-relay`: serve, check the audit, make a password's hash."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
import uvloop
from argon2 import PasswordHasher

from relay import audit, keys
from relay.app import Relay, serve
from relay.config import Config, ConfigRefused, load
from relay.exits import Exit, explained
from relay.storage.base import database_url, open_storage


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; answers the exit code. What goes wrong is one sentence on standard error."""
    options = _parser().parse_args(arguments)
    _log_to_standard_error()
    try:
        if options.command == "password":
            return _password()
        config = load(Path(options.config))
        work = _serve(config) if options.command == "serve" else _verify(config)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except Exception as error:
        found = explained(error)
        if found is None:
            structlog.get_logger().error("relay.failed", error=type(error).__name__, exc_info=error)
            found = Exit.software, f"the relay failed ({type(error).__name__}); the log has the details"
        print(f"passerelle-relay: {found[1]}", file=sys.stderr)
        return found[0]
    except KeyboardInterrupt:
        return Exit.ok


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="passerelle-relay", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words in (("serve", "run the relay"), ("audit", "compare the audit with its signed heads")):
        command = commands.add_parser(name, help=words)
        command.add_argument("--config", required=True, metavar="FILE")
    commands.add_parser("password", help="read a password and print its hash for the configuration")
    return parser


async def _serve(config: Config) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(config, stop, _ready)
    return Exit.ok


def _ready(relay: Relay) -> None:
    config = relay.context.config
    scheme = "https" if config.browser.certificate else "http"
    print(f"browser {scheme}://{config.browser.host}:{relay.browser_port}\n"
          f"vehicle https://{config.vehicle.host}:{relay.vehicle_port}", flush=True)


async def _verify(config: Config) -> int:
    path = config.data_folder / "audit.key"
    if not path.exists():
        raise ConfigRefused(f"{config.data_folder} holds no audit")
    key = keys.load_or_make(path)
    storage = open_storage(database_url(config.database.url, config.data_folder))
    try:
        findings = await audit.verify(storage, {key.key_id: key.public})
    finally:
        await storage.close()
    for finding in findings:
        print(f"{finding.code} {finding.position}")
    print("audit.holds" if not findings else f"audit.broken {len(findings)}")
    return Exit.ok if not findings else Exit.findings


def _password() -> int:
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        password = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        if password:
            print(PasswordHasher().hash(password))
            return Exit.ok
    print("passerelle-relay: no password was given", file=sys.stderr)
    return Exit.config


def _log_to_standard_error() -> None:
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"),
                    structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr))


if __name__ == "__main__":
    sys.exit(main())

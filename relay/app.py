"""The composition root: builds the relay from its configuration, runs it, and takes it down in order."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from aiohttp import web

from relay import audit, keys
from relay.bodies import BODY_BYTES, refusals
from relay.bus import InProcessBus
from relay.config import Config
from relay.context import CONTEXT, Context
from relay.fleet import http as fleet_http
from relay.fleet.ca import IssuingAuthority
from relay.fleet.registry import Registry
from relay.fleet.service import Fleet
from relay.identity import http as identity_http
from relay.identity.accounts import Accounts
from relay.identity.passwords import GuessLimit, Passwords
from relay.identity.people import same_origin
from relay.identity.sign_ins import SignIns
from relay.identity.tokens import Tokens
from relay.origins import Origins
from relay.prescriptions import http as prescriptions_http
from relay.prescriptions.service import Prescriptions, Sources
from relay.signalling import guest_http
from relay.signalling.http import Doors
from relay.signalling.switchboard import Switchboard
from relay.storage.base import database_url, open_storage
from relay.storage.migrate import migrate
from relay.turn import TurnServers
from relay.vehicle_peer import REGISTRY
from relay.web import add_headers
from relay.web import routes as web_routes

log = structlog.get_logger()

DRAIN_SECONDS = 3.0
"""Sockets get this long to send their last words and close: longer than a round trip on the worst link."""
HANDLERS_SECONDS = 5.0
"""Requests that are being answered when the relay stops: the longest lays out a page in one second."""
BACKLOG = 1024
"""Connections the kernel holds while the loop is busy: every vehicle of a region after a network outage."""
SIGN_IN_SWEEP_SECONDS = 60.0
"""A sign-in that ended by its time closes its sockets within a minute of it."""
KEEPALIVE_SECONDS = 30.0
"""An idle connection of a page is worth a handshake for that long."""


@dataclass(frozen=True)
class Relay:
    """A relay that accepts connections, with the ports it was given."""

    browser_port: int
    vehicle_port: int
    context: Context
    switchboard: Switchboard
    registry: Registry
    fleet: Fleet


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Relay]:
    """A relay that runs inside the block and is taken down in reverse order after it."""
    async with AsyncExitStack() as stack:
        data = config.data_folder
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = IssuingAuthority.load(Path(config.ca.certificate), Path(config.ca.key))
        turn = TurnServers.load(config.turn)
        token_key = keys.load_or_make(data / "token.key")
        audit_key = keys.load_or_make(data / "audit.key")
        storage = open_storage(database_url(config.database.url, data))
        stack.push_async_callback(storage.close)
        await migrate(storage)
        witness = audit.Witness(storage, audit_key)
        stack.push_async_callback(witness.sign)

        bus = InProcessBus()
        accounts = Accounts(storage)
        await accounts.configure(config)
        context = Context(config=config, storage=storage, bus=bus, accounts=accounts,
                          sign_ins=SignIns(storage, bus), tokens=Tokens(token_key), passwords=Passwords(),
                          guesses=GuessLimit(), origins=Origins(config.browser), ca_pem=authority.certificate_pem)
        registry = Registry(storage, authority, _now)
        fleet = Fleet(storage, authority, registry, bus, vehicle_url=config.vehicle.public_url, now=_now)
        prescriptions = Prescriptions(
            storage, bus, Sources(prescriber=accounts.prescriber, certificate=registry.doctor_certificate,
                                  ca_pem=authority.certificate_pem, now=_now),
            folder=data / "prescriptions", demo=config.demo)
        switchboard = Switchboard(storage, bus, accounts, registry, prescriptions, turn, time.monotonic)
        fleet.online = switchboard.online
        await switchboard.load()

        doors = Doors(switchboard, time.monotonic)
        browser = _application(context, registry)
        browser.on_response_prepare.append(add_headers)
        browser.add_routes([*identity_http.routes(), *fleet_http.routes(fleet),
                            *prescriptions_http.routes(prescriptions), *doors.routes(),
                            *guest_http.routes(switchboard.guests), *web_routes(Path(config.browser.web))])
        vehicles = _application(context, registry)
        vehicles.add_routes([*fleet_http.vehicle_routes(fleet), *prescriptions_http.vehicle_routes(prescriptions),
                             *doors.vehicle_routes()])

        group = await stack.enter_async_context(asyncio.TaskGroup())
        for work in (switchboard.run, witness.run, lambda: _sweep(context.sign_ins)):
            task = group.create_task(work())
            stack.callback(task.cancel)
        runners = [await _runner(stack, application) for application in (browser, vehicles)]
        stack.push_async_callback(_drain, switchboard)
        browser_port = await _listen(stack, runners[0], config.browser.host, config.browser.port, _browser_tls(config))
        vehicle_port = await _listen(stack, runners[1], config.vehicle.host, config.vehicle.port, _vehicle_tls(config))
        warming = group.create_task(prescriptions.warm())
        stack.callback(warming.cancel)
        log.info("relay.started", browser_port=browser_port, vehicle_port=vehicle_port, demo=config.demo)
        yield Relay(browser_port, vehicle_port, context, switchboard, registry, fleet)
        log.info("relay.stopping")


async def serve(config: Config, stop: asyncio.Event, ready: Callable[[Relay], None]) -> None:
    """Run until `stop` is set."""
    async with running(config) as relay:
        ready(relay)
        await stop.wait()


def _now() -> datetime:
    return datetime.now(UTC)


def _application(context: Context, registry: Registry) -> web.Application:
    application = web.Application(middlewares=[refusals, same_origin], client_max_size=BODY_BYTES)
    application[CONTEXT] = context
    application[REGISTRY] = registry
    return application


async def _runner(stack: AsyncExitStack, application: web.Application) -> web.AppRunner:
    # No access log: its lines would hold addresses of people and whatever a client puts in a URL.
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=HANDLERS_SECONDS,
                           keepalive_timeout=KEEPALIVE_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _listen(stack: AsyncExitStack, runner: web.AppRunner, host: str, port: int,
                  tls: ssl.SSLContext | None) -> int:
    """Accept connections; answers the port. Undone first of all: nobody new comes while sockets are drained."""
    site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=BACKLOG)
    await site.start()
    stack.push_async_callback(site.stop)
    return int(runner.addresses[0][1])


async def _drain(switchboard: Switchboard) -> None:
    """Tell every socket to come back and wait until they have closed, but not for ever."""
    switchboard.hang_up_all()
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            await switchboard.presence.empty()
    except TimeoutError:
        log.warning("relay.drain_incomplete", sockets=switchboard.presence.lines)


def _browser_tls(config: Config) -> ssl.SSLContext | None:
    if not config.browser.certificate:
        return None
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(config.browser.certificate, config.browser.key)
    return tls


def _vehicle_tls(config: Config) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Both ends are ours. TLS 1.3 also keeps the vehicle's certificate from whoever listens.
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.load_cert_chain(config.vehicle.certificate, config.vehicle.key)
    tls.load_verify_locations(config.vehicle.ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    return tls


async def _sweep(sign_ins: SignIns) -> None:
    while True:
        await asyncio.sleep(SIGN_IN_SWEEP_SECONDS)
        try:
            await sign_ins.end_expired()
        except Exception as error:
            log.error("sign_in.sweep_failed", error=type(error).__name__)

"""The pairing wizard: who advertises now, bond with one of them, take it on board, let one go.

Driven by the touchscreen: `start`, `choose`, `enter_passkey`, `end`, `forget`; it shows `view` and `passkey`. What is
to last is kept by whoever sets `keep` and `drop`, before it is called done.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

import structlog

from protocol.kiosk import Pairing as View
from protocol.kiosk import PairingCandidate, PairingState, Passkey

from . import models
from .config import InstrumentConfig
from .drivers import omron_memory
from .drivers.radio import BondNeeded, LinkFailed, Radio, Sighting
from .drivers.visit import device_information_of, ours, recognised
from .errors import PeripheralError
from .profiles.device_information import DeviceInformation
from .profiles.omron_link import KEY

_log = structlog.get_logger()

LOOK_S: Final = 0.5
"""How often the list of candidates is drawn anew: as fast as a person reads it."""

SAME_DB: Final = 10
"""Signals closer than this are the same distance: the list does not jump."""

FADES_S: Final = 15.0
"""An instrument unheard for this long is asleep again: a cuff in pairing mode advertises several times a second."""

CANDIDATES: Final = 24
"""Shown at once; in a car park full of watches the strongest signals are the ones on the table."""

PAIR_S: Final = 90.0
"""All of it: connect, a person who looks for six digits and types them, the bond, who it is."""

NUMBERS: Final = range(1, 100)
LINE: Final = 200
DRIVER: Final = "ble"
SIMULATED: Final = "simul"
"""In the name of everything that `sim` puts on the air."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")


class PairingRefused(PeripheralError):
    """It can't be done now: `pairing.not_open`, `pairing.busy`, `pairing.gone`, `pairing.no_passkey`,
    `pairing.no_bond`, `pairing.no_number`, `instrument.unknown`."""


class Aboard(Protocol):
    """The instruments on board (`Supervisor`)."""

    def configs(self) -> tuple[InstrumentConfig, ...]: ...
    def config(self, instrument_id: str) -> InstrumentConfig | None: ...
    def listen(self) -> None: ...
    async def rest(self, instrument_id: str) -> None: ...
    def wake(self, instrument_id: str) -> None: ...
    async def replace(self, config: InstrumentConfig) -> None: ...
    async def remove(self, instrument_id: str) -> None: ...


async def _keep_nothing(config: InstrumentConfig) -> None:
    return None


async def _drop_nothing(instrument_id: str) -> None:
    return None


class Pairing:
    """The wizard. Everything it shows is in `view` and `passkey`; `changed` tells that one of them did.

    `keep(config)` commits an instrument that was paired (a known identifier is replaced), `drop(instrument_id)`
    forgets one or refuses; both come from whoever stores them.
    """

    def __init__(self, radio: Radio, aboard: Aboard, changed: Callable[[], None]) -> None:
        self._radio, self._aboard, self._changed = radio, aboard, changed
        self.keep: Callable[[InstrumentConfig], Awaitable[None]] = _keep_nothing
        self.drop: Callable[[str], Awaitable[None]] = _drop_nothing
        self._view: View | None = None
        self._chosen: Sighting | None = None
        self._news = asyncio.Event()
        self._work: asyncio.Task[InstrumentConfig | str] | None = None
        self._passkey: Passkey | None = None
        self._digits: asyncio.Future[str | None] | None = None
        radio.passkeys = self

    @property
    def view(self) -> View | None:
        """The wizard as the kiosk shows it; None while it is closed."""
        return self._view

    @property
    def passkey(self) -> Passkey | None:
        """Six digits that are asked for or shown now, by the wizard or by an instrument that bonds by itself."""
        return self._passkey

    def start(self, instrument_id: str | None = None) -> None:
        """Open the wizard; `instrument_id`: the instrument whose device is replaced. PairingRefused
        `instrument.unknown`, `pairing.busy`."""
        if self._chosen is not None:
            raise PairingRefused("pairing.busy")
        if instrument_id is not None and self._aboard.config(instrument_id) is None:
            raise PairingRefused("instrument.unknown", instrument_id)
        self._aboard.listen()
        self._radio.expect()
        self._show(View(state=PairingState.searching, candidates=self._candidates(instrument_id),
                        instrument_id=instrument_id))

    def choose(self, address: str) -> None:
        """Pair with this candidate; the outcome comes in `view`. PairingRefused `pairing.not_open`, `pairing.busy`,
        `pairing.gone`."""
        if self._view is None:
            raise PairingRefused("pairing.not_open")
        if self._chosen is not None:
            raise PairingRefused("pairing.busy")
        found = next((s for s in self._radio.sightings() if s.address == address), None)
        if found is None or not any(c.address == address for c in self._view.candidates):
            raise PairingRefused("pairing.gone", address)
        self._chosen = found
        self._show(View(state=PairingState.pairing, candidates=self._view.candidates, address=address,
                        instrument_id=self._view.instrument_id))

    def enter_passkey(self, passkey: str) -> None:
        """The six digits that the instrument shows. PairingRefused `pairing.no_passkey`."""
        if self._digits is None or self._digits.done():
            raise PairingRefused("pairing.no_passkey")
        self._digits.set_result(passkey)

    def end(self) -> None:
        """Close the wizard, or give a passkey up. Never fails."""
        if self._digits is not None and not self._digits.done():
            self._digits.set_result(None)
        if self._work is not None:
            self._work.cancel()
        self._show(None)

    async def forget(self, instrument_id: str) -> None:
        """Let an instrument go that was paired here, and its bond. PairingRefused `instrument.unknown`, and what
        `drop` raises."""
        config = self._aboard.config(instrument_id)
        if config is None:
            raise PairingRefused("instrument.unknown", instrument_id)
        await self.drop(instrument_id)
        await self._aboard.remove(instrument_id)
        try:
            await self._radio.forget(config.source)
        except LinkFailed as error:
            # The instrument is gone from here all the same; a bond left behind is made anew when it comes back.
            _log.warning("pairing.bond_left", code=error.code)

    async def run(self) -> None:
        """Serve the wizard until cancelled."""
        try:
            while True:
                self._news.clear()
                if self._chosen is not None:
                    await self._serve(self._chosen)
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if self._view is None else LOOK_S):
                        await self._news.wait()
                self._look()
        finally:
            self._chosen = self._work = None
            self._show(None)

    # The operator of the radio's bonds (`PasskeyOperator`).

    async def enter(self, name: str) -> str | None:
        """Ask the nurse for the digits on the instrument's display."""
        digits: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._digits = digits
        self._ask(Passkey(name=name[:LINE]))
        try:
            return await digits
        finally:
            if self._digits is digits:
                self._digits = None
                self._ask(None)

    def show(self, name: str, passkey: str | None) -> None:
        """Show the nurse the digits to type on the instrument."""
        self._ask(None if passkey is None else Passkey(name=name[:LINE], show=passkey))

    def _ask(self, passkey: Passkey | None) -> None:
        if passkey != self._passkey:
            self._passkey = passkey
            self._changed()

    def _show(self, view: View | None) -> None:
        self._news.set()
        if view != self._view:
            self._view = view
            self._changed()

    def _look(self) -> None:
        view = self._view
        if view is not None and view.state is PairingState.searching:
            self._show(View(state=PairingState.searching, candidates=self._candidates(view.instrument_id),
                            instrument_id=view.instrument_id, code=self._radio.problem))

    def _candidates(self, instrument_id: str | None) -> tuple[PairingCandidate, ...]:
        """What may be chosen now, the nearest first. An instrument on board is only offered for its own place."""
        now = asyncio.get_running_loop().time()
        place = self._aboard.config(instrument_id) if instrument_id else None
        found = []
        for sighting in self._radio.sightings():
            manners = recognised(sighting)
            if manners is None or now - sighting.seen_at > FADES_S or not _ID.fullmatch(sighting.address):
                continue
            owner = next((c for c in self._aboard.configs() if ours(c, sighting)), None)
            if (owner is not None and owner != place) or (place is not None and place.kind is not manners.kind):
                continue
            found.append((sighting, manners))
        found.sort(key=lambda pair: (-pair[0].rssi // SAME_DB, pair[0].address))
        return tuple(PairingCandidate(
            address=sighting.address, name=(sighting.name or manners.title or sighting.address)[:LINE],
            kind=manners.kind, signal_dbm=sighting.rssi, simulated=SIMULATED in sighting.name.lower())
            for sighting, manners in found[:CANDIDATES])

    async def _serve(self, chosen: Sighting) -> None:
        place = self._view.instrument_id if self._view is not None else None
        outcome: InstrumentConfig | str = "pairing.ended"
        async with asyncio.TaskGroup() as tasks:
            self._work = tasks.create_task(self._outcome(chosen, place))
            # `end` cancels it, which is an outcome; our own cancellation reaches it through the group.
            await asyncio.wait([self._work])
            if not self._work.cancelled():
                outcome = self._work.result()
        self._work = self._chosen = None
        if isinstance(outcome, InstrumentConfig):
            self._show(View(state=PairingState.paired, address=chosen.address, instrument_id=outcome.instrument_id))
        elif self._view is not None:
            self._show(View(state=PairingState.failed, address=chosen.address, instrument_id=place, code=outcome))

    async def _outcome(self, chosen: Sighting, place: str | None) -> InstrumentConfig | str:
        """The instrument on board, or the code why not."""
        try:
            return await self._pair(chosen, place)
        except TimeoutError:
            return "radio.timeout"
        except Exception as error:
            code = getattr(error, "code", None)
            if isinstance(code, str):
                return code
            # The wizard must not vanish under the nurse's finger: it says that it failed, and can be tried again.
            _log.error("pairing.failed", error=type(error).__name__)
            return "pairing.failed"

    async def _pair(self, chosen: Sighting, place: str | None) -> InstrumentConfig:
        manners = recognised(chosen)
        if manners is None:
            raise PairingRefused("pairing.gone", chosen.address)
        old = self._aboard.config(place) if place is not None else None
        mended = old is not None and ours(old, chosen)
        if mended and old is not None:
            # Its own driver would be at the device while we are.
            await self._aboard.rest(old.instrument_id)
        try:
            async with asyncio.timeout(PAIR_S):
                if mended:
                    chosen = await self._afresh(chosen)
                info, key = await self._bond(chosen, manners)
            config = replace(self._config(info, manners, chosen, old, bool(key)), key=key)
            await self.keep(config)
            await self._aboard.replace(config)
        except BaseException:
            if mended and old is not None:
                self._aboard.wake(old.instrument_id)
            raise
        _log.info("pairing.paired", instrument=config.instrument_id, model=config.model)
        return config

    async def _afresh(self, chosen: Sighting) -> Sighting:
        """The same device without the bond of before: it has lost its key, or it would not be paired again."""
        try:
            await self._radio.forget(chosen.address)
        except LinkFailed as error:
            _log.warning("pairing.bond_left", code=error.code)
        return await self._radio.sighting(lambda sighting: sighting.address == chosen.address)

    async def _bond(self, chosen: Sighting, manners: models.Manners) -> tuple[DeviceInformation, str]:
        """Who it is, and the key it was given, if its kind wants one."""
        async with self._radio.link(chosen) as link:
            await asyncio.sleep(manners.settle_s)
            try:
                await link.pair()
            except (LinkFailed, BondNeeded) as error:
                # What wants no bond may refuse one (a belt, a fingertip): its link still stands.
                if manners.bonds or link.lost:
                    raise PairingRefused("pairing.no_bond", error.code) from error
            info = await device_information_of(link)
            if models.found_out(manners, link.has).key != models.OLDER_OMRON:
                return info, ""
            key = secrets.token_bytes(KEY)
            try:
                await omron_memory.programme(link, key)
            except omron_memory.KeyRefused as error:
                raise PairingRefused("pairing.no_bond", error.code) from error
            return info, key.hex()

    def _config(self, info: DeviceInformation, manners: models.Manners, chosen: Sighting,
                old: InstrumentConfig | None, keyed: bool) -> InstrumentConfig:
        manners = models.BY_KEY[models.OLDER_OMRON] if keyed else models.refine(manners, info.model)
        if old is not None:
            return replace(old, source=chosen.address, driver=DRIVER, model=manners.key,
                           simulated=SIMULATED in chosen.name.lower())
        taken = {config.number for config in self._aboard.configs()}
        number = next((n for n in NUMBERS if n not in taken), None)
        if number is None:
            raise PairingRefused("pairing.no_number")
        name = f"{info.maker} {info.model}".strip() or manners.title or chosen.name or chosen.address
        return InstrumentConfig(number=number, instrument_id=f"ble-{chosen.address.lower()}", kind=manners.kind,
                                name=name[:LINE], driver=DRIVER, source=chosen.address, model=manners.key,
                                simulated=SIMULATED in chosen.name.lower())

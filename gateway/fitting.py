"""The instruments fitted to this vehicle: those of the configuration file, and those paired at the touchscreen.

What was paired is committed before it is called paired. An instrument of the file whose device was replaced keeps its
number and its name; forgotten, the file's own comes back.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import structlog

from protocol import kiosk_commands as kiosk
from protocol.kiosk import KioskReply, Pairing, Passkey
from protocol.readings import InstrumentKind

from .kiosk.partners import KioskRefused
from .peripherals import models
from .peripherals.config import InstrumentConfig
from .peripherals.errors import PeripheralError
from .peripherals.registry import DRIVERS
from .peripherals.supervisor import Supervisor
from .rooms_config import same_device
from .store import Store

log = structlog.get_logger()

PairingCommand = (kiosk.StartPairing | kiosk.ChoosePairing | kiosk.EnterPasskey | kiosk.EndPairing
                  | kiosk.ForgetInstrument)

_PAIRED_KINDS = frozenset({InstrumentKind.ecg, *models.GENERIC})

_config = msgspec.json.Decoder(InstrumentConfig)


async def fitted(store: Store, configured: tuple[InstrumentConfig, ...]) -> tuple[InstrumentConfig, ...]:
    """Everything to start with, by number. What was paired and clashes with the file, or is of another release's
    kind, is left out, and said: it must not keep the gateway from starting."""
    instruments = {config.instrument_id: config for config in configured}
    for body in await store.paired.all():
        try:
            paired = _config.decode(body)
        except (msgspec.MsgspecError, ValueError):
            log.error("fitting.unreadable")
            continue
        if paired.driver not in DRIVERS or paired.kind not in _PAIRED_KINDS:
            log.error("fitting.unknown_driver", instrument=paired.instrument_id)
            continue
        if paired.model not in models.BY_KEY:
            # Another release's word for it: its kind's profile says enough.
            paired = replace(paired, model="")
        others = [config for name, config in instruments.items() if name != paired.instrument_id]
        if any(same_device(config, paired) for config in others):
            # IT wrote it into the file since: one device, one driver.
            log.warning("fitting.device_taken", instrument=paired.instrument_id)
            continue
        if any(config.number == paired.number for config in others):
            # IT gave its number to another instrument since: the file is the later word.
            log.warning("fitting.number_taken", instrument=paired.instrument_id, number=paired.number)
            continue
        instruments[paired.instrument_id] = paired
    return tuple(sorted(instruments.values(), key=lambda config: config.number))


class Fitting:
    """The wizard's commands, and what it keeps."""

    def __init__(self, supervisor: Supervisor, store: Store, configured: tuple[InstrumentConfig, ...]) -> None:
        self._supervisor = supervisor
        self._store = store
        self._configured = {config.instrument_id: config for config in configured}
        supervisor.pairing.keep = self._keep
        supervisor.pairing.drop = self._drop

    @property
    def pairing(self) -> Pairing | None:
        """The wizard as the kiosk shows it."""
        return self._supervisor.pairing.view

    @property
    def passkey(self) -> Passkey | None:
        """The digits of a bond that is being made."""
        return self._supervisor.pairing.passkey

    async def command(self, body: PairingCommand) -> KioskReply:
        """One command of the wizard. Raises KioskRefused, StoreError."""
        try:
            return await self._command(body)
        except PeripheralError as error:
            raise KioskRefused(error.code) from error

    async def _command(self, body: PairingCommand) -> KioskReply:
        wizard = self._supervisor.pairing
        match body:
            case kiosk.StartPairing():
                wizard.start(body.instrument_id)
            case kiosk.ChoosePairing():
                wizard.choose(body.address)
            case kiosk.EnterPasskey():
                wizard.enter_passkey(body.passkey)
            case kiosk.EndPairing():
                wizard.end()
            case kiosk.ForgetInstrument():
                await wizard.forget(body.instrument_id)
                own = self._configured.get(body.instrument_id)
                if own is not None:
                    self._supervisor.add(own)
        return KioskReply(id=0)

    async def _keep(self, config: InstrumentConfig) -> None:
        await self._store.paired.put(config.instrument_id, config.number, msgspec.json.encode(config))

    async def _drop(self, instrument_id: str) -> None:
        paired = {_config.decode(body).instrument_id for body in await self._store.paired.all()}
        if instrument_id not in paired:
            raise KioskRefused("instrument.configured")
        await self._store.paired.remove(instrument_id)

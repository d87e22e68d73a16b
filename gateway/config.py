"""The gateway's configuration: one TOML file becomes frozen values, or one sentence says what is wrong.

An unknown key, a wrong type and an impossible value are all errors: a bus must not drive off with a
misspelt setting that nobody reads.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from yarl import URL

from protocol.readings import InstrumentKind
from protocol.values import Id, Line

EVERY_PHYSICAL = "*"
"""In `[media] interfaces`."""

PIN_HASH = re.compile(r"^\$argon2id\$")


class ConfigError(Exception):
    """The file can't be used: `where` is the key's path in it, `what` says what is wrong and what to do."""

    def __init__(self, file: Path, where: str, what: str) -> None:
        super().__init__(f"{file}: {where}: {what}" if where else f"{file}: {what}")
        self.file = file
        self.where = where
        self.what = what


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


class RelayTable(_Table, frozen=True, kw_only=True):
    """`[relay]`. No `url`: the one the relay gave at enrolment."""

    url: str = ""


class IdentityTable(_Table, frozen=True, kw_only=True):
    """`[identity]`. No `directory`: `identity` in the data directory."""

    directory: str = ""


class KioskTable(_Table, frozen=True, kw_only=True):
    """`[kiosk]`: loopback only. Port 0 lets the system choose (tests)."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8090
    web: str = "web_client/dist"


class MediaTable(_Table, frozen=True, kw_only=True):
    """`[media]`. No `interfaces`: every physical interface that is up; the first one named is preferred.

    `turn_ca`: the authority's file for TURN over TLS, where the system does not know it. `decisions`: keep a log of
    how each call's rate was decided, in the data directory.
    """

    interfaces: tuple[str, ...] = ()
    relay_only: bool = False
    turn_ca: str = ""
    decisions: bool = False
    start_kbps: Annotated[int, Meta(ge=50, le=20_000)] | None = None
    floor_kbps: Annotated[int, Meta(ge=30, le=20_000)] | None = None
    ceiling_kbps: Annotated[int, Meta(ge=100, le=50_000)] | None = None
    encoder: Literal["auto", "x264", "vaapi", "v4l2m2m"] = "auto"


class UplinkTable(_Table, frozen=True, kw_only=True):
    """`[[uplink]]`: what the nurse's bar calls an interface. Which ones are used stands in `[media] interfaces`."""

    interface: Annotated[str, Meta(pattern=r"^[^\s/]{1,15}$")]
    operator: Line


class CameraTable(_Table, frozen=True, kw_only=True):
    """`[camera]`: `v4l2:PATH`, `tcp://HOST:PORT` (YUV4MPEG2) or `file:PATH`."""

    source: Annotated[str, Meta(pattern=r"^(v4l2:/|tcp://|file:).+")]
    width: Annotated[int, Meta(ge=160, le=3840)] = 1280
    height: Annotated[int, Meta(ge=120, le=2160)] = 720
    frames_per_second: Annotated[int, Meta(ge=1, le=60)] = 25
    simulated: bool = False
    name: Line = ""


class RadioTable(_Table, frozen=True, kw_only=True):
    """`[radio]`: empty is this machine's own Bluetooth; else a bleak backend `module:callable`."""

    backend: Annotated[str, Meta(pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")] = ""
    address: str = ""


class PrinterTable(_Table, frozen=True, kw_only=True):
    """`[printer]`: a folder that gets PDF files, or a CUPS queue."""

    kind: Literal["folder", "cups"]
    target: Annotated[str, Meta(min_length=1)]


class NurseTable(_Table, frozen=True, kw_only=True):
    """`[[nurse]]`: who may sign in here. `pin_hash` comes from `passerelle-gateway pin`."""

    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    pin_hash: str


class InstrumentTable(_Table, frozen=True, kw_only=True):
    """`[[instrument]]`: one numbered instrument on board. What each driver makes of `source`, `rate_hz`, `gain`,
    `leads` (MDC codes by channel) and `model` stands in `docs/instruments/`."""

    number: Annotated[int, Meta(ge=1, le=99)]
    id: Id
    kind: InstrumentKind
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    driver: Annotated[str, Meta(min_length=1)]
    source: str = ""
    rate_hz: Annotated[float, Meta(ge=1, le=48_000)] | None = None
    gain: int | None = None
    leads: tuple[int, ...] = ()
    model: Line = ""
    simulated: bool = False


class GatewayConfig(_Table, frozen=True, kw_only=True):
    """The whole file."""

    data: Annotated[str, Meta(min_length=1)]
    simulated: bool = False
    demo: bool = False
    relay: RelayTable = RelayTable()
    identity: IdentityTable = IdentityTable()
    kiosk: KioskTable = KioskTable()
    media: MediaTable = MediaTable()
    uplink: tuple[UplinkTable, ...] = ()
    camera: CameraTable
    radio: RadioTable = RadioTable()
    printer: PrinterTable
    nurse: tuple[NurseTable, ...] = ()
    instrument: tuple[InstrumentTable, ...] = ()

    @property
    def data_directory(self) -> Path:
        """Where the store and its files live."""
        return Path(self.data)

    @property
    def identity_directory(self) -> Path:
        """Where the key and the certificates live."""
        return Path(self.identity.directory) if self.identity.directory else self.data_directory / "identity"


def read(file: Path) -> GatewayConfig:
    """Read and check the file; raises ConfigError, which is one sentence for a person. Blocking."""
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(file, "", f"can't be read ({error.strerror}); check the path and its permissions") from error
    except UnicodeDecodeError as error:
        raise ConfigError(file, "", "is not UTF-8 text; save it as UTF-8") from error
    return parse(text, file)


def parse(text: str, file: Path) -> GatewayConfig:
    """The same from the file's text; `file` is for the sentences."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "", f"is not TOML: {error}; mend that line") from error
    try:
        config = msgspec.convert(table, GatewayConfig)
    except msgspec.ValidationError as error:
        raise _explained(file, str(error)) from error
    _cross_check(file, config)
    return config


def _explained(file: Path, message: str) -> ConfigError:
    """msgspec says `Expected `int`, got `str` - at `$.camera.width``: split it into where and what."""
    what, _, path = message.partition(" - at `$")
    where = path.rstrip("`").removeprefix(".")
    unknown = re.search(r"contains unknown field `(.+)`", what)
    if unknown:
        key = f"{where}.{unknown[1]}" if where else unknown[1]
        return ConfigError(file, key, "unknown key; correct its spelling or remove it")
    missing = re.search(r"missing required field `(.+)`", what)
    if missing:
        key = f"{where}.{missing[1]}" if where else missing[1]
        return ConfigError(file, key, "is missing; add it")
    return ConfigError(file, where, f"{what[:1].lower()}{what[1:]}; change the value")


def _cross_check(file: Path, config: GatewayConfig) -> None:
    if not Path(config.data).is_absolute():
        raise ConfigError(file, "data", "must be an absolute path; write it from the root")
    if config.relay.url:
        _check_relay(file, config.relay.url)
    if not _loopback(config.kiosk.host):
        raise ConfigError(file, "kiosk.host", "must be a loopback address, the kiosk is for this machine only; "
                                              "write 127.0.0.1")
    for at, nurse in enumerate(config.nurse):
        if not PIN_HASH.match(nurse.pin_hash):
            raise ConfigError(file, f"nurse[{at}].pin_hash",
                              "is not an argon2id hash; make one with `passerelle-gateway pin`")
    _unique(file, "nurse", "id", [nurse.id for nurse in config.nurse])
    _unique(file, "uplink", "interface", [uplink.interface for uplink in config.uplink])
    named = config.media.interfaces
    for at, uplink in enumerate(config.uplink):
        if not uplink.operator.strip():
            raise ConfigError(file, f"uplink[{at}].operator", "is empty; write the operator's name or remove the table")
        if named and EVERY_PHYSICAL not in named and uplink.interface not in named:
            raise ConfigError(file, f"uplink[{at}].interface", f"{uplink.interface} is not among [media] interfaces, "
                                                               "no call uses it; add it there or correct the name")
    _unique(file, "instrument", "id", [instrument.id for instrument in config.instrument])
    _unique(file, "instrument", "number", [str(instrument.number) for instrument in config.instrument])
    simulated = config.camera.simulated or any(instrument.simulated for instrument in config.instrument)
    if simulated and not config.simulated:
        raise ConfigError(file, "simulated", "a camera or an instrument is simulated and the vehicle does not say so; "
                                             "write simulated = true")
    media = config.media
    floor, start, ceiling = media.floor_kbps, media.start_kbps, media.ceiling_kbps
    rates = [rate for rate in (floor, start, ceiling) if rate is not None]
    if rates != sorted(rates):
        raise ConfigError(file, "media", "floor_kbps, start_kbps and ceiling_kbps must rise in this order; change them")


def _check_relay(file: Path, url: str) -> None:
    try:
        parsed = URL(url)
    except ValueError as error:
        raise ConfigError(file, "relay.url", "is not an address; write https://host:port") from error
    if parsed.scheme != "https" or not parsed.host or parsed.path not in ("", "/") or parsed.query_string:
        raise ConfigError(file, "relay.url", "vehicles speak to the relay over https, at its root; "
                                             "write https://host:port")


def _unique(file: Path, table: str, key: str, values: list[str]) -> None:
    for at, value in enumerate(values):
        if value in values[:at]:
            raise ConfigError(file, f"{table}[{at}].{key}", f"{value} is there twice; give each its own")


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

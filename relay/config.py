"""The relay's configuration: TOML to frozen values; an unknown key or a wrong value is one sentence."""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from protocol.values import Id, Line

SOURCE_TREE = Path(__file__).resolve().parent.parent

Port = Annotated[int, Meta(ge=0, le=65535)]


class ConfigRefused(Exception):
    """The configuration cannot be used; the message is the whole sentence for the terminal."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Browser(_Table, frozen=True, kw_only=True):
    """Listener for people. Without a certificate it is plain HTTP and stays on loopback."""

    host: str = "127.0.0.1"
    port: Port = 8080
    certificate: str = ""
    key: str = ""
    web: str = "web_client/dist"
    origins: tuple[str, ...] = ()
    """Further origins that may sign in, such as the address of a TLS proxy (`https://relay.example`)."""


class Vehicle(_Table, frozen=True, kw_only=True):
    """Listener for vehicles: TLS with a client certificate, always."""

    host: str = "127.0.0.1"
    port: Port = 8444
    certificate: str
    key: str
    ca: str
    public_url: Line


class Ca(_Table, frozen=True, kw_only=True):
    """The issuing CA that signs vehicles' and doctors' certificates."""

    certificate: str
    key: str


class Database(_Table, frozen=True, kw_only=True):
    """Empty: SQLite in the data folder."""

    url: str = ""


class Turn(_Table, frozen=True, kw_only=True):
    """A coturn with `use-auth-secret`; the secret stands in a file that only the relay reads."""

    urls: tuple[Line, ...] = ()
    secret_file: str = ""
    ttl_seconds: Annotated[int, Meta(ge=300, le=86_400)] = 14_400


class Doctor(_Table, frozen=True, kw_only=True):
    """A demo doctor; only under `demo = true`."""

    id: Id
    account: Annotated[str, Meta(min_length=1, max_length=200)]
    password_hash: Annotated[str, Meta(pattern=r"^\$argon2")]
    name: Line
    title: Line = ""
    speciality: Line = ""
    rpps: Annotated[str, Meta(pattern=r"^(\d{11})?$")] = ""
    address: Line = ""
    phone: Line = ""
    email: Line = ""


class Support(_Table, frozen=True, kw_only=True):
    """Somebody of IT."""

    account: Annotated[str, Meta(min_length=1, max_length=200)]
    password_hash: Annotated[str, Meta(pattern=r"^\$argon2")]
    name: Line = ""


class Config(_Table, frozen=True, kw_only=True):
    """Everything the relay is told, with absolute paths."""

    data: str
    demo: bool = False
    browser: Browser = Browser()
    vehicle: Vehicle
    ca: Ca
    database: Database = Database()
    turn: Turn = Turn()
    doctor: tuple[Doctor, ...] = ()
    it: tuple[Support, ...] = ()

    @property
    def data_folder(self) -> Path:
        """Where the database and the relay's own keys are."""
        return Path(self.data)


def load(path: Path) -> Config:
    """Read and check a file. ConfigRefused says in one sentence what does not fit; never a value."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigRefused(f"the configuration {path} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigRefused(f"the configuration {path} cannot be read") from error
    return parse(text, path.resolve().parent)


def parse(text: str, folder: Path) -> Config:
    """Check a configuration whose relative paths start at `folder`."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise ConfigRefused(f"the configuration is not TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigRefused(f"the configuration does not fit: {error}") from error
    _check(config)
    return _absolute(config, folder)


def is_loopback(host: str) -> bool:
    """Whether a listener on this host can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(config: Config) -> None:
    browser = config.browser
    if bool(browser.certificate) != bool(browser.key):
        raise ConfigRefused("[browser] needs both certificate and key, or neither")
    if not browser.certificate and not is_loopback(browser.host):
        raise ConfigRefused(f"[browser] listens on {browser.host} without TLS: plain HTTP is for loopback only")
    if config.doctor and not config.demo:
        raise ConfigRefused("[[doctor]] accounts are for a demonstration only: set demo = true or remove them")
    if bool(config.turn.urls) != bool(config.turn.secret_file):
        raise ConfigRefused("[turn] needs both urls and secret_file, or neither")
    names = [doctor.account for doctor in config.doctor] + [support.account for support in config.it]
    ids = [doctor.id for doctor in config.doctor]
    for kind, values in (("account", names), ("id", ids)):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ConfigRefused(f"the {kind} {twice[0]} is there twice")


def _absolute(config: Config, folder: Path) -> Config:
    def rooted(value: str) -> str:
        return str(folder / value) if value else ""

    web = folder / config.browser.web
    if not web.exists() and not Path(config.browser.web).is_absolute():
        web = SOURCE_TREE / config.browser.web
    replace = msgspec.structs.replace
    return replace(
        config, data=rooted(config.data),
        browser=replace(config.browser, certificate=rooted(config.browser.certificate),
                        key=rooted(config.browser.key), web=str(web)),
        vehicle=replace(config.vehicle, certificate=rooted(config.vehicle.certificate),
                        key=rooted(config.vehicle.key), ca=rooted(config.vehicle.ca)),
        ca=replace(config.ca, certificate=rooted(config.ca.certificate), key=rooted(config.ca.key)),
        turn=replace(config.turn, secret_file=rooted(config.turn.secret_file)))

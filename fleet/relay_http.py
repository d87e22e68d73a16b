"""The relay's HTTP interface for support. Synchronous; the only importer of http.client."""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from protocol.accounts import ErrorBody, SignIn, VehicleCreated, VehicleRow, VehicleWanted

from .errors import CommandFailed, ExitCode

SECONDS = 20.0
"""A relay that is restarted answers again in under ten; longer only keeps a person waiting."""

ANSWER_BYTES = 8 * 1024 * 1024
"""The list of ten thousand vehicles is about 4 MiB."""

_COOKIES = ("__Host-passerelle", "passerelle")

T = TypeVar("T")


class RelayHttp:
    """One relay. `cookie`: name and value of the session, empty before the sign-in."""

    def __init__(self, address: str, *, ca: Path | None = None, cookie: tuple[str, str] | None = None) -> None:
        """Raises `CommandFailed` (64) when the address or the CA file is unusable."""
        self.address = address.rstrip("/")
        parts = urlsplit(self.address)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise CommandFailed(ExitCode.usage, "relay.address", relay=address) from error
        self._tls = parts.scheme == "https"
        # A session over plain HTTP to another machine could be read on the way.
        if not self._host or parts.path or parts.query or not (
                self._tls or (parts.scheme == "http" and _is_loopback(self._host))):
            raise CommandFailed(ExitCode.usage, "relay.address", relay=address)
        self._ca = ca
        self.cookie = cookie

    def sign_in(self, account: str, password: str) -> None:
        """Signs in; `cookie` is the session afterwards."""
        headers = self._send("POST", "/api/sign-in", SignIn(account=account, password=password))[1]
        for line in headers.get_all("Set-Cookie") or ():
            try:
                found = SimpleCookie(line)
            except CookieError:
                continue
            for name in _COOKIES:
                if name in found:
                    self.cookie = (name, found[name].value)
                    return
        raise CommandFailed(ExitCode.unavailable, "relay.answer", relay=self.address)

    def sign_out(self) -> None:
        """Ends the session."""
        self._send("POST", "/api/sign-out")
        self.cookie = None

    def vehicles(self) -> tuple[VehicleRow, ...]:
        """Every vehicle."""
        return self._read(self._send("GET", "/api/fleet/vehicles")[0], tuple[VehicleRow, ...])

    def add(self, name: str, territory: str) -> VehicleCreated:
        """A new vehicle with its one-time code."""
        wanted = VehicleWanted(name=name, territory=territory)
        return self._read(self._send("POST", "/api/fleet/vehicles", wanted)[0], VehicleCreated)

    def new_code(self, vehicle_id: str) -> VehicleCreated:
        """Another code for a vehicle."""
        return self._read(self._send("POST", _of(vehicle_id, "code"), vehicle=vehicle_id)[0], VehicleCreated)

    def revoke(self, vehicle_id: str) -> None:
        """Revokes a vehicle."""
        self._send("POST", _of(vehicle_id, "revoke"), vehicle=vehicle_id)

    def _send(self, method: str, path: str, body: Any = None,
              **facts: str) -> tuple[bytes, http.client.HTTPMessage]:
        headers = {"Accept": "application/json", "User-Agent": "passerelle-fleet"}
        if self.cookie is not None:
            headers["Cookie"] = f"{self.cookie[0]}={self.cookie[1]}"
        content = None
        if body is not None:
            content, headers["Content-Type"] = msgspec.json.encode(body), "application/json"
        connection = self._connection()
        try:
            connection.request(method, path, body=content, headers=headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES)
        except ssl.SSLCertVerificationError as error:
            raise CommandFailed(ExitCode.unavailable, "relay.certificate", relay=self.address) from error
        except (OSError, http.client.HTTPException) as error:
            raise CommandFailed(ExitCode.unavailable, "relay.unreachable", relay=self.address) from error
        finally:
            connection.close()
        if not 200 <= response.status < 300:
            raise self._refusal(response.status, answer, facts)
        return answer, response.headers

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        try:
            context = ssl.create_default_context(cafile=str(self._ca) if self._ca else None)
        except (OSError, ssl.SSLError) as error:
            raise CommandFailed(ExitCode.usage, "ca.unreadable", file=str(self._ca)) from error
        return http.client.HTTPSConnection(self._host, self._port, timeout=SECONDS, context=context)

    def _refusal(self, status: int, answer: bytes, facts: dict[str, str]) -> CommandFailed:
        try:
            error = msgspec.json.decode(answer, type=ErrorBody)
        except msgspec.DecodeError:
            return CommandFailed(ExitCode.unavailable, "relay.answer", relay=self.address)
        exits = {401: ExitCode.permission, 403: ExitCode.permission, 429: ExitCode.later}
        if status >= 500:
            return CommandFailed(ExitCode.relay_failed, "relay.failed", code=error.code)
        return CommandFailed(exits.get(status, ExitCode.refused), error.code,
                             **{**error.facts, **facts, "relay": self.address})

    def _read(self, answer: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.DecodeError as error:
            raise CommandFailed(ExitCode.unavailable, "relay.answer", relay=self.address) from error


def _of(vehicle_id: str, act: str) -> str:
    return f"/api/fleet/vehicles/{quote(vehicle_id, safe='')}/{act}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

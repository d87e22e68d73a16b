"""Which pages may speak to the relay: the Origin header (RFC 6454) against a list. Pure."""

from __future__ import annotations

from relay.config import Browser, is_loopback

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Origins:
    """The allow-list of one browser listener."""

    def __init__(self, browser: Browser) -> None:
        self._scheme = "https" if browser.certificate else "http"
        self._hosts = _LOOPBACK if is_loopback(browser.host) else (browser.host,)
        self._further = frozenset(origin.rstrip("/").lower() for origin in browser.origins)
        self.secure_cookies = bool(browser.certificate) or any(o.startswith("https://") for o in self._further)
        """Whether pages come by HTTPS, so that the cookie may and must be `Secure`."""

    def permits(self, origin: str | None, port: int) -> bool:
        """Whether a page of this origin may speak to the listener on `port`. No Origin: no page, not permitted."""
        if origin is None:
            return False
        default = 443 if self._scheme == "https" else 80
        own = {f"{self._scheme}://{host}" + ("" if port == default else f":{port}") for host in self._hosts}
        return origin.lower() in own | self._further

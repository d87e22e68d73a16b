"""What the service manager hears, on a real datagram socket."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from gateway.notify import Notifier


async def test_a_manager_that_does_not_read_never_stops_the_loop(tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """I9: with the manager's queue full, words are dropped and the loop turns on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "3000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        notifier = Notifier()
        notifier.ready("here")
        assert manager.recv(100) == b"READY=1\nSTATUS=here"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await notifier.keep_alive()
        assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(("variable", "value"), [("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "0"),
                                                 ("WATCHDOG_USEC", "soon")])
def test_a_watchdog_for_another_process_or_none_is_not_ours(monkeypatch: pytest.MonkeyPatch, variable: str,
                                                            value: str) -> None:
    """Only what the manager set for this process counts."""
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.setenv(variable, value)
    assert Notifier().watchdog_seconds is None


def test_without_a_manager_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by hand, and with a socket that is gone: no error."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready("x")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    Notifier().stopping()

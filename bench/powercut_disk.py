"""An ext4 file system on a loop device that can lose its power: everything not on disk is gone.

The cut is `EXT4_IOC_SHUTDOWN` with `NOLOGFLUSH` (linux/fs/ext4/ext4.h), then unmount and mount, which
replays the journal as after a pulled plug. Needs root, a free loop device, mkfs.ext4 and unshare.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

IMAGE = "disk.ext4"
IMAGE_BYTES = 512 * 1024 * 1024
"""Sparse; a hundred lives write about a fifth of it."""

UNMOUNT_SECONDS = 20.0
"""A killed process lets go of its files within milliseconds; a loaded machine takes longer."""


def missing() -> str | None:
    """Why no cut can be made here, or None."""
    if os.geteuid() != 0:
        return "power cuts need root"
    for tool in ("mkfs.ext4", "losetup", "mount", "umount", "unshare"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    probe = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        return "there is no free loop device"
    return None


def let_go(home: str) -> None:
    """Detach what a series that was killed left attached in its home."""
    found = subprocess.run(["losetup", "--associated", str(Path(home) / IMAGE), "--noheadings", "--output", "NAME"],
                           capture_output=True, text=True, check=False)
    for device in found.stdout.split():
        subprocess.run(["losetup", "--detach", device], capture_output=True, check=False)


class CutDisk:
    """Mounted at `folder` inside the `with` block; everything is taken down at its end, whatever happened."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._stack = ExitStack()
        self._device = ""
        self._mounted = False
        self.folder = Path()
        self.scratch = Path()
        """Beside the disk, never cut; goes with it."""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            home = self._home
            image = home / IMAGE
            with image.open("wb") as file:
                file.truncate(IMAGE_BYTES)
            _run("mkfs.ext4", "-q", "-F", str(image))
            self._device = _run("losetup", "--find", "--show", str(image)).strip()
            stack.callback(_run, "losetup", "--detach", self._device)
            self.folder, self.scratch = home / "mnt", home / "scratch"
            self.folder.mkdir()
            self.scratch.mkdir()
            stack.callback(self._unmount)
            self.mount()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stack.close()

    def cut(self) -> None:
        """The power goes: from here on every write and fsync fails, and what was not on disk never will be."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("=I", NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def remount(self) -> None:
        """The power is back. No process may hold a file on it."""
        self._unmount()
        self.mount()

    def mount(self) -> None:
        """Mount; replays the journal."""
        _run("mount", "-t", "ext4", self._device, str(self.folder))
        self._mounted = True

    def _unmount(self) -> None:
        if not self._mounted:
            return
        deadline = time.monotonic() + UNMOUNT_SECONDS
        while True:
            done = subprocess.run(["umount", str(self.folder)], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self._mounted = False
                return
            if time.monotonic() > deadline:
                _run("umount", "--lazy", str(self.folder))
                self._mounted = False
                raise RuntimeError(f"the disk stayed busy: {done.stderr.strip()}")
            time.sleep(0.05)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout

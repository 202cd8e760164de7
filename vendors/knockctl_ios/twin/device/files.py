"""Flash: a file system in memory, as ``dir``, ``more``, ``copy`` and SCP see it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from knockctl_ios.twin.device import times

SYSTEMS = ("flash:", "bootflash:", "flash0:")


class FileError(Exception):
    """What the device says about a file, in brackets after its name."""


@dataclass(slots=True)
class File:
    """A file's contents and when they were written."""

    data: bytes
    modified: float
    number: int = 0


@dataclass(slots=True)
class Flash:
    """The files by path below ``flash:``, without a leading slash."""

    size: int
    now: Callable[[], float]
    full: Callable[[], bool]
    name: str = "flash:"
    files: dict[str, File] = field(default_factory=dict)
    folders: dict[str, int] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return self.size - sum(len(file.data) for file in self.files.values())

    def read(self, path: str) -> bytes:
        """Return a file's contents.

        Raises:
            FileError: there is none.
        """
        if path not in self.files:
            raise FileError("No such file or directory")
        return self.files[path].data

    def write(self, path: str, data: bytes) -> None:
        """Make a file, or replace one.

        Raises:
            FileError: no room, or no such folder.
        """
        folder = path.rpartition("/")[0]
        if folder and folder not in self.folders:
            raise FileError("No such file or directory")
        if self.full() or len(data) > self.free:
            raise FileError("No space left on device")
        known = self.files.get(path)
        number = known.number if known else next(self.numbers)
        self.files[path] = File(data, self.now(), number)

    def remove(self, path: str) -> None:
        """Delete a file.

        Raises:
            FileError: there is none.
        """
        if self.files.pop(path, None) is None:
            raise FileError("No such file or directory")

    def make_folder(self, path: str) -> None:
        """Make a folder."""
        if path not in self.folders:
            self.folders[path] = next(self.numbers)

    def listing(self, path: str) -> str:
        """Return what ``dir`` prints of a folder or a file.

        Raises:
            FileError: neither is there.
        """
        if path and path not in self.folders:
            found = {path: self.files[path]} if path in self.files else None
            if found is None:
                raise FileError("No such file or directory")
        else:
            prefix = f"{path}/" if path else ""
            found = {n: f for n, f in self.files.items() if n.rpartition("/")[0] == path}
            folders = {n: k for n, k in self.folders.items() if n.rpartition("/")[0] == path}
            rows = [
                (k, f"{k:5}  drw-  {0:>11}   {times.listed(self.now())}  {n.removeprefix(prefix)}")
                for n, k in folders.items()
            ]
            rows += [(f.number, _row(n.removeprefix(prefix), f)) for n, f in found.items()]
            body = "\n".join(row for _, row in sorted(rows)) or "No files in directory"
            return f"Directory of {self.name}/{path}\n\n{body}\n\n{self._tail()}"
        name = path.rpartition("/")[2]
        return f"Directory of {self.name}/{path}\n\n{_row(name, found[path])}\n\n{self._tail()}"

    def _tail(self) -> str:
        return f"{self.size} bytes total ({self.free} bytes free)"


def _row(name: str, file: File) -> str:
    stamp = times.listed(file.modified)
    return f"{file.number:5}  -rw-  {len(file.data):>11}   {stamp}  {name}"


def path_of(name: str) -> str | None:
    """Return the path below flash that a name means, or None for another file system."""
    for system in SYSTEMS:
        if name.lower().startswith(system):
            return name[len(system) :].strip("/")
    return name.strip("/") if ":" not in name else None

"""Flash as asyncssh's SCP server sees it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import cast

import asyncssh
from asyncssh import SFTPAttrs

from knockctl_ios.twin.device.device import Device
from knockctl_ios.twin.device.files import FileError, path_of

FOLDER = 0o777 | stat.S_IFDIR
PLAIN = 0o666 | stat.S_IFREG


@dataclass(slots=True)
class Handle:
    """An open file; what is written arrives on flash when it is closed."""

    path: str
    data: bytearray
    writing: bool


class FlashServer(asyncssh.SFTPServer):
    """Serves a device's flash, where SCP is enabled and the user may."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], device: Device) -> None:
        """Take a channel of a user who has logged in."""
        super().__init__(channel)
        self._channel = channel
        self._device = device
        user = str(channel.get_connection().get_extra_info("username"))
        self._may = device.privilege(user) >= 15

    def stat(self, path: bytes) -> SFTPAttrs:
        """Tell a file's size and kind."""
        name = self._path(path)
        flash = self._device.flash
        if not name or name in flash.folders:
            return SFTPAttrs(type=asyncssh.FILEXFER_TYPE_DIRECTORY, permissions=FOLDER, size=0)
        if name not in flash.files:
            raise asyncssh.SFTPNoSuchFile("No such file or directory")
        size = len(flash.files[name].data)
        return SFTPAttrs(type=asyncssh.FILEXFER_TYPE_REGULAR, permissions=PLAIN, size=size)

    def lstat(self, path: bytes) -> SFTPAttrs:
        """Tell a file's size and kind."""
        return self.stat(path)

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Take no modes and times: flash has none to set."""

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> object:  # noqa: ARG002
        """Open a file, to be read or written whole."""
        name = self._path(path)
        writing = bool(pflags & asyncssh.FXF_WRITE)
        try:
            data = b"" if writing else self._device.flash.read(name)
        except FileError as error:
            raise asyncssh.SFTPNoSuchFile(str(error)) from error
        return Handle(name, bytearray(data), writing)

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Return a part of a file."""
        return bytes(_handle(file_obj).data[offset : offset + size])

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Take a part of a file."""
        if self._device.faults.flash_full:
            raise asyncssh.SFTPFailure("No space left on device")
        if self._device.faults.cut_upload:
            self._device.faults.cut_upload = False
            data = data[: len(data) // 2]
            self._channel.get_connection().abort()
        _handle(file_obj).data[offset : offset + len(data)] = data
        return len(data)

    def close(self, file_obj: object) -> None:
        """Keep what was written."""
        handle = _handle(file_obj)
        if not handle.writing:
            return
        try:
            self._device.flash.write(handle.path, bytes(handle.data))
        except FileError as error:
            raise asyncssh.SFTPFailure(str(error)) from error

    def _path(self, path: bytes) -> str:
        if self._device.running.child("ip scp server enable") is None:
            raise asyncssh.SFTPFailure("Administratively disabled.")
        if not self._may:
            raise asyncssh.SFTPFailure("Privilege denied.")
        name = path_of(path.decode(errors="replace"))
        if name is None:
            raise asyncssh.SFTPNoSuchFile("No such file or directory")
        return name


def _handle(file_obj: object) -> Handle:
    """Give what ``open`` returned its type back."""
    return cast("Handle", file_obj)

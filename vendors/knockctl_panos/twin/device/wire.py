"""HTTP/1.1, as much of it as an API needs: one request after the other on a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

LONGEST_BODY = 1 << 26
PATHS = ("/api", "/api/", "/esp/restapi.esp")
FORM = "application/x-www-form-urlencoded"


class BadRequest(Exception):
    """What came is no request this server takes; the status says why."""

    def __init__(self, status: HTTPStatus) -> None:
        """Refuse with a status."""
        super().__init__(status.phrase)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One request: its parameters, from the query and the form, and what its headers say."""

    parameters: Mapping[str, str]
    key: str | None
    keep: bool
    """The connection is to stay open."""


async def receive(reader: asyncio.StreamReader) -> Request | None:
    """Read one request; None where the peer has closed the connection.

    Raises:
        BadRequest: not HTTP, not the API's path, or a body of no known form.
        OSError: the connection broke; ``asyncio.IncompleteReadError`` inside a body likewise.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE) from error
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, _, target = first.partition(" ")
    target, _, version = target.rpartition(" ")
    if not version.startswith("HTTP/1."):
        raise BadRequest(HTTPStatus.BAD_REQUEST)
    pairs = (line.partition(":") for line in rest)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if method not in ("GET", "POST"):
        raise BadRequest(HTTPStatus.METHOD_NOT_ALLOWED)
    address = urlsplit(target)
    form = await _form(reader, headers)
    if address.path not in PATHS:
        raise BadRequest(HTTPStatus.NOT_FOUND)
    said = parse_qsl(address.query, keep_blank_values=True) + form
    connection = headers.get("connection", "").lower()
    keep = connection != "close" and (version != "HTTP/1.0" or connection == "keep-alive")
    return Request(dict(said), headers.get("x-pan-key"), keep)


async def _form(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> list[tuple[str, str]]:
    if "transfer-encoding" in headers:
        raise BadRequest(HTTPStatus.LENGTH_REQUIRED)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LONGEST_BODY:
        raise BadRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    body = await reader.readexactly(int(length))
    if body and headers.get("content-type", "").partition(";")[0].strip() != FORM:
        raise BadRequest(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return parse_qsl(body.decode(), keep_blank_values=True)


def printed(status: int, body: bytes, kind: str, *, keep: bool) -> bytes:
    """Print an answer, head and body."""
    head = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
        "Cache-Control: no-store",
    ]
    return "\r\n".join([*head, "", ""]).encode() + body

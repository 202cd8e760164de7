"""The documents the device answers with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from knockctl_panos.twin.device import markup
from knockctl_panos.twin.device.refusals import (
    CHANGED,
    FORBIDDEN,
    NO_OBJECT,
    SUCCESS,
    Refusal,
)
from knockctl_panos.twin.device.switches import Switches

XML = "application/xml; charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """A document, and the HTTP status it comes with."""

    document: Element
    status: int = 200

    @property
    def body(self) -> bytes:
        """The document in UTF-8."""
        return markup.write(self.document).encode()

    @property
    def ok(self) -> bool:
        """It says that all went well."""
        return self.document.get("status") == "success"


def response(status: str, code: int | None, *children: Element) -> Answer:
    """Answer with a status, a code and whatever there is to say."""
    attributes = {"status": status} | ({"code": str(code)} if code is not None else {})
    return Answer(markup.make("response", children, **attributes))


def result(*children: Element, code: int | None = None) -> Answer:
    """Answer with a result."""
    return response("success", code, markup.make("result", children))


def text(words: str) -> Answer:
    """Answer an operational command with a sentence."""
    return response("success", None, markup.make("result", words))


def done() -> Answer:
    """Answer that the candidate was changed."""
    return response("success", CHANGED, markup.make("msg", "command succeeded"))


def said(words: str, code: int = SUCCESS, *, line: bool = False) -> Answer:
    """Answer with a message, in a ``line`` of its own or not."""
    message = markup.make("msg", [markup.make("line", words)] if line else words)
    return response("success", code, message)


def enqueued(what: str, number: int) -> Answer:
    """Answer that a job was queued."""
    message = markup.make("msg", [markup.make("line", f"{what} enqueued with jobid {number}")])
    return result(message, markup.make("job", str(number)), code=SUCCESS)


def found(nodes: Iterable[Element]) -> Answer:
    """Answer a read of the candidate; nothing found is no error."""
    nodes = list(nodes)
    if not nodes:
        return result(code=NO_OBJECT)
    count = str(len(nodes))
    attributes = {"total-count": count, "count": count}
    return response("success", SUCCESS, markup.make("result", nodes, **attributes))


def refused(refusal: Refusal, switches: Switches) -> Answer:
    """Answer with a refusal."""
    content: Iterable[Element] | str
    if refusal.code == FORBIDDEN:
        message = markup.make("msg", "\n".join(refusal.lines))
        answer = response("error", FORBIDDEN, markup.make("result", [message]))
        return Answer(answer.document, FORBIDDEN if switches.http_errors else 200)
    content = [markup.make("line", line) for line in refusal.lines]
    if refusal.plain:
        content = "\n".join(refusal.lines)
    return response("error", refusal.code, markup.make("msg", content))

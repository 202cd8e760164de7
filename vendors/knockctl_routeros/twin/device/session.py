"""One connection: sentences in, replies out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from knockctl.lab.faults import Fate
from knockctl_routeros.twin.device import accounts
from knockctl_routeros.twin.device.process import Process
from knockctl_routeros.twin.device.requests import Actor, Reply, Request
from knockctl_routeros.twin.device.traps import SCRIPTING, Trap
from knockctl_routeros.twin.device.words import NotTheProtocol, encode, read_sentence

if TYPE_CHECKING:
    from knockctl_routeros.twin.device.router import Router

GONE = (OSError, asyncio.IncompleteReadError, NotTheProtocol)


class Session:
    """Answers one peer until either side ends it."""

    def __init__(
        self, router: Router, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, via: str
    ) -> None:
        """Take a connection; ``via`` is the service it came in by."""
        self._router = router
        self._reader = reader
        self._writer = writer
        self._via = via
        self._peer = str((writer.get_extra_info("peername") or ("127.0.0.1",))[0])
        self._actor: Actor | None = None
        self._number = 0
        self._challenge: str | None = None
        self._running: dict[str, Process] = {}
        self._open = True

    async def serve(self) -> None:
        """Answer until the end; safe mode learns of it."""
        with suppress(*GONE):
            while self._open:
                await self._sentence(await read_sentence(self._reader))
        self._router.log_out(self._number)
        self._writer.close()

    def cut(self) -> None:
        """End the connection at once, without a word."""
        self._open = False
        self._writer.transport.abort()

    async def _sentence(self, words: list[str]) -> None:
        tag = next((word for word in words if word.startswith(".tag=")), "")
        args = dict(w[1:].split("=", 1) for w in words[1:] if w[:1] == "=" and "=" in w[1:])
        args |= {word[1:]: "" for word in words[1:] if word[:1] == "=" and "=" not in word[1:]}
        queries = tuple(word for word in words[1:] if word.startswith("?"))
        path, _, verb = words[0].rpartition("/")
        request = Request(path, verb, args, queries)
        if words[0] == "/login":
            await self._log_in(request, tag)
        elif words[0] == "/quit":
            await self._fatal("session terminated on request")
        elif self._actor is None:
            await self._refuse_stranger(tag)
        elif words[0] == "/cancel":
            await self._cancel(request, tag)
        else:
            await self._command(self._actor, request, tag)

    # --- login ---

    async def _log_in(self, request: Request, tag: str) -> None:
        switches = self._router.switches
        if not request.args and switches.challenge_login:
            self._challenge = accounts.challenge()
            await self._done(Reply(ret=self._challenge), tag)
            return
        try:
            self._actor = accounts.authenticate(
                self._router, request.args, self._challenge, self._peer
            )
        except Trap as trap:
            await self._trap(trap, tag)
            return
        self._challenge = None
        self._router.log_out(self._number)
        self._number = self._router.log_in(self._actor, self._peer, self._via, self.cut)
        await self._done(Reply(), tag)

    async def _refuse_stranger(self, tag: str) -> None:
        if self._router.switches.not_logged_in == "fatal":
            await self._fatal("not logged in")
        else:
            await self._trap(Trap("not logged in"), tag)

    # --- commands ---

    async def _command(self, actor: Actor, request: Request, tag: str) -> None:
        faults = self._router.faults
        fate = faults.fate()
        if fate in (Fate.CUT_BEFORE, Fate.POWER_BEFORE):
            self._fall(fate)
        elif not faults.deaf:
            reply = self._execute(actor, request)
            if fate is not Fate.ANSWER:
                self._fall(fate)
            elif isinstance(reply, Trap):
                await self._trap(reply, tag)
            elif reply.process is not None:
                await self._wait(reply.process, tag)
            else:
                await self._done(reply, tag)

    def _execute(self, actor: Actor, request: Request) -> Reply | Trap:
        if self._router.faults.refuses():
            return Trap(self._router.faults.trap_text)
        try:
            return self._router.execute(actor, request)
        except Trap as trap:
            return trap

    def _fall(self, fate: Fate) -> None:
        self.cut()
        if fate in (Fate.POWER_BEFORE, Fate.POWER_AFTER):
            self._router.power_off()

    async def _wait(self, process: Process, tag: str) -> None:
        """Answer when a script ends; a tagged command leaves the session free meanwhile."""
        ended = asyncio.Event()
        process.then(ended.set)
        if tag and not process.ended:
            self._running[tag] = process
            process.then(lambda: self._writer.write(encode_all(_outcome(process), tag)))
            process.then(lambda: self._forget(tag))
            return
        await ended.wait()
        await self._send(_outcome(process), tag)

    def _forget(self, tag: str) -> None:
        self._running.pop(tag, None)

    async def _cancel(self, request: Request, tag: str) -> None:
        wanted = f".tag={request.args.get('tag', '')}"
        for process in [p for t, p in self._running.items() if wanted in (t, ".tag=")]:
            process.kill()
        await self._done(Reply(), tag)

    # --- answers ---

    async def _done(self, reply: Reply, tag: str) -> None:
        sentences = [["!re", *(f"={k}={v}" for k, v in row.items())] for row in reply.rows]
        if reply.asked_rows and not reply.rows and self._router.switches.says_empty:
            sentences.append(["!empty"])
        sentences.append(["!done"] if reply.ret is None else ["!done", f"=ret={reply.ret}"])
        await self._send(sentences, tag)

    async def _trap(self, trap: Trap, tag: str) -> None:
        await self._send(_trapped(trap), tag)

    async def _fatal(self, reason: str) -> None:
        await self._send([["!fatal", reason]], "")
        self._open = False

    async def _send(self, sentences: Iterable[list[str]], tag: str) -> None:
        faults = self._router.faults
        if faults.delay:
            await asyncio.sleep(faults.delay)
        if not faults.silent and self._open:
            self._writer.write(encode_all(sentences, tag))
            await self._writer.drain()


def _trapped(trap: Trap) -> list[list[str]]:
    category = [] if trap.category is None else [f"=category={trap.category}"]
    return [["!trap", *category, f"=message={trap.message}"], ["!done"]]


def _outcome(process: Process) -> list[list[str]]:
    if process.trap is None:
        return [["!done"]]
    trap = process.trap
    return _trapped(trap if trap.category is not None else Trap(trap.message, SCRIPTING))


def encode_all(sentences: Iterable[list[str]], tag: str) -> bytes:
    """Encode the sentences of one answer, each with the command's tag."""
    return b"".join(encode([s[0], *([tag] if tag else []), *s[1:]]) for s in sentences)

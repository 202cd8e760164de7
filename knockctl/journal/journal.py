"""The journal: SQLite by default, any SQLAlchemy URL for a team.

Every call is one transaction, so that a process killed between two calls leaves a journal
that says how far it came. What could hold secrets is sealed or redacted before it gets here.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import sqlalchemy as sa
from sqlalchemy.exc import (
    DatabaseError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from knockctl.errors import JournalError, JournalLocked
from knockctl.journal import schema
from knockctl.journal.record import OPEN_STATES, ChangeRecord, Event, State, now
from knockctl.policy.redaction import redact

BUSY_SECONDS = 10
_SEALED = ("before", "after")
_TEXT_LISTS = ("policies", "summary")


class Seals(Protocol):
    """Seals and opens bytes; ``knockctl.policy.seal.Sealer`` does."""

    def seal(self, plaintext: bytes, context: str) -> bytes:
        """Encrypt, bound to the context."""

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt."""


class Journal:
    """An open journal; may be shared by threads. Raises only ``JournalError``."""

    def __init__(self, url: str, sealer: Seals, *, busy_seconds: float = BUSY_SECONDS) -> None:
        """Open the journal, making it at first use."""
        self.url = url
        self._sealer = sealer
        self._engine = _engine(url, busy_seconds)
        try:
            with self._errors():
                self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._engine.dispose()

    # --- changes ---

    def begin(self, record: ChangeRecord) -> None:
        """Write a new change. The same id again is the same change and changes nothing."""
        row = self._row(record)
        with self._errors(), self._engine.begin() as connection:
            there = sa.select(schema.changes.c.id).where(schema.changes.c.id == record.id)
            if connection.execute(there).first() is None:
                connection.execute(sa.insert(schema.changes).values(**row))
                _event(connection, record.id, record.state, "")

    def update(
        self,
        change_id: str,
        state: State,
        *,
        detail: str = "",
        deadline: datetime | None = None,
        finished: bool = False,
    ) -> None:
        """Move a change to another state, and note when and why."""
        values: dict[str, Any] = {"state": state}
        if deadline:
            values["deadline"] = deadline.isoformat()
        if finished:
            values["finished"] = now().isoformat()
        if detail:
            values["reason"] = redact(detail)
        statement = sa.update(schema.changes).where(schema.changes.c.id == change_id)
        with self._errors(), self._engine.begin() as connection:
            if connection.execute(statement.values(**values)).rowcount:
                _event(connection, change_id, state, redact(detail))

    def get(self, change_id: str) -> ChangeRecord | None:
        """Return a change, snapshots opened; None when it is not recorded here."""
        found = self._select(schema.changes.c.id == change_id)
        return self._record(found[0], whole=True) if found else None

    def history(self, devices: Sequence[str] = (), limit: int = 50) -> list[ChangeRecord]:
        """Return the newest changes first, without their snapshots."""
        chosen = schema.changes.c.device.in_(devices) if devices else sa.true()
        return [self._record(row, whole=False) for row in self._select(chosen, limit)]

    def latest(self, device: str, states: Sequence[State]) -> ChangeRecord | None:
        """Return a device's newest change in one of these states, snapshots opened."""
        here = (schema.changes.c.device == device) & schema.changes.c.state.in_(states)
        found = self._select(here, 1)
        return self._record(found[0], whole=True) if found else None

    def open_changes(self, device: str) -> list[ChangeRecord]:
        """Return a device's changes that did not come to an end."""
        here = (schema.changes.c.device == device) & schema.changes.c.state.in_(OPEN_STATES)
        return [self._record(row, whole=False) for row in self._select(here, 100)]

    def events(self, change_id: str) -> list[Event]:
        """Return a change's steps, in order."""
        table = schema.events
        statement = sa.select(table).where(table.c.change == change_id).order_by(table.c.number)
        with self._errors(), self._reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return [Event(step=r["step"], at=r["at"], detail=r["detail"]) for r in rows]

    # --- leases: a courtesy between operators; the fence is on the device ---

    @contextlib.contextmanager
    def lease(self, device: str, holder: str, seconds: float) -> Iterator[None]:
        """Hold a device; raise ``JournalLocked`` naming who holds it.

        A lease that has run out, or whose process on this machine is dead, is taken over.
        """
        self._take(device, holder, seconds)
        try:
            yield
        finally:
            mine = (schema.leases.c.device == device) & (schema.leases.c.holder == holder)
            with contextlib.suppress(JournalError), self._errors(), self._engine.begin() as c:
                c.execute(sa.delete(schema.leases).where(mine))

    def _take(self, device: str, holder: str, seconds: float) -> None:
        table = schema.leases
        values = {
            "device": device,
            "holder": holder,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "acquired": now().isoformat(),
            "expires": time.time() + seconds,
        }
        with self._errors(), self._engine.begin() as connection:
            there = table.c.device == device
            found = connection.execute(sa.select(table).where(there)).first()
            if found and (found.expires < time.time() or _dead(found.host, found.pid)):
                connection.execute(sa.delete(table).where(there))
            try:
                with connection.begin_nested():
                    connection.execute(sa.insert(table).values(**values))
            except IntegrityError:
                held = connection.execute(sa.select(table).where(there)).first()
                who = f"{held.holder} since {held.acquired}" if held else "somebody"
                raise JournalLocked(
                    f"{device} is being changed by {who}",
                    hint="wait for them, or for the lease to run out",
                ) from None

    # --- rows and records ---

    def _select(self, condition: Any, limit: int = 1) -> Sequence[Any]:
        order = (schema.changes.c.started.desc(), schema.changes.c.id.desc())
        statement = sa.select(schema.changes).where(condition).order_by(*order).limit(limit)
        with self._errors(), self._reading() as connection:
            return connection.execute(statement).mappings().all()

    def _row(self, record: ChangeRecord) -> dict[str, Any]:
        row = record.model_dump()
        for name in ("started", "finished", "deadline"):
            row[name] = row[name].isoformat() if row[name] else None
        for name in _TEXT_LISTS:
            row[name] = json.dumps([redact(text) for text in row[name]])
        for name in _SEALED:
            if row[name] is not None:
                row[name] = self._sealer.seal(row[name].encode(), self._context(record, name))
        row["reason"] = redact(row["reason"]) if row["reason"] else None
        return row

    def _record(self, row: Any, *, whole: bool) -> ChangeRecord:
        values = dict(row)
        for name in _TEXT_LISTS:
            values[name] = tuple(json.loads(values[name]))
        sealed = {name: values.pop(name) for name in _SEALED}
        record = ChangeRecord.model_validate(values)
        if not whole:
            return record
        opened = {
            name: self._sealer.open(value, self._context(record, name)).decode()
            for name, value in sealed.items()
            if value is not None
        }
        return record.model_copy(update=opened)

    @staticmethod
    def _context(record: ChangeRecord, name: str) -> str:
        return f"{record.device} {record.id} {name}"

    # --- the database ---

    def _reading(self) -> sa.Connection:
        return self._engine.connect().execution_options(reading=True)

    def _prepare(self) -> None:
        """Make the tables at first use; two first users at once end up with one journal."""
        inspector = sa.inspect(self._engine)
        if not inspector.has_table(schema.meta.name):
            with self._engine.begin() as connection:
                schema.metadata.create_all(connection)
                there = sa.select(schema.meta.c.value).where(schema.meta.c.key == "version")
                if connection.execute(there).first() is None:
                    version = {"key": "version", "value": str(schema.VERSION)}
                    connection.execute(sa.insert(schema.meta).values(**version))
        with self._reading() as connection:
            there = sa.select(schema.meta.c.value).where(schema.meta.c.key == "version")
            found = connection.execute(there).scalar()
        if found is None or int(found) > schema.VERSION:
            raise JournalError(
                f"the journal {_shown(self.url)} was written by a newer knockctl (version {found})",
                hint="update knockctl on this machine",
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        shown = _shown(self.url)
        try:
            yield
        except OperationalError as error:
            text = str(error.orig)
            if "locked" in text or "busy" in text:
                raise JournalLocked(
                    f"the journal {shown} is locked by another process",
                    hint="wait for it to end and try again",
                ) from None
            raise JournalError(f"the journal {shown} can't be used: {text}") from None
        except DatabaseError as error:
            raise JournalError(
                f"the journal {shown} is damaged or is none: {error.orig}",
                hint="move the file away to begin a new one; its revisions are out of reach then",
            ) from None
        except (SQLAlchemyError, OSError) as error:
            raise JournalError(f"the journal {shown} can't be used: {error}") from None


def _event(connection: sa.Connection, change_id: str, step: str, detail: str) -> None:
    values = {"change": change_id, "step": step, "at": now().isoformat(), "detail": detail}
    connection.execute(sa.insert(schema.events).values(**values))


def _dead(host: str, pid: int) -> bool:
    """Tell whether a process of this machine is gone; others' can't be told and count as alive."""
    return host == socket.gethostname() and not Path(f"/proc/{pid}").exists()


def _shown(url: str) -> str:
    """Return the URL without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "URL"


def _engine(url: str, busy_seconds: float) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed, pool_pre_ping=True)
        if parsed.database and parsed.database != ":memory:":
            _private_file(Path(parsed.database))
        engine = sa.create_engine(parsed, connect_args={"timeout": busy_seconds})
    except (NoSuchModuleError, ImportError, sa.exc.ArgumentError) as error:
        raise JournalError(
            f"the journal's URL can't be used: {error}",
            hint="write sqlite:////path/journal.db or postgresql+psycopg://user@host/database",
        ) from None

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        try:
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            # The pool knows nothing yet of a connection that it would have to close.
            connection.close()
            raise

    # A transaction that will write takes the write lock at once and so waits its turn; one that
    # begins by reading would fail as soon as somebody else has written in between.
    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _private_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise JournalError(
            f"the journal {path} can't be opened: {error.strerror}",
            hint="name another with --journal sqlite:////path/journal.db",
        ) from None

"""The journal's tables. A journal of a newer version than ours is refused, never guessed at."""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 1

metadata = sa.MetaData()

meta = sa.Table(
    "knockctl_meta",
    metadata,
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(64), nullable=False),
)

changes = sa.Table(
    "knockctl_changes",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("device", sa.String(255), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(255), nullable=False),
    sa.Column("started", sa.String(40), nullable=False),
    sa.Column("finished", sa.String(40)),
    sa.Column("tool_version", sa.String(32), nullable=False),
    sa.Column("base_revision", sa.String(16)),
    sa.Column("revision", sa.String(16)),
    sa.Column("policies", sa.Text, nullable=False),
    sa.Column("summary", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("deadline", sa.String(40)),
    sa.Column("before", sa.LargeBinary),
    sa.Column("after", sa.LargeBinary),
)

events = sa.Table(
    "knockctl_events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("change", sa.ForeignKey(changes.c.id), nullable=False, index=True),
    sa.Column("step", sa.String(64), nullable=False),
    sa.Column("at", sa.String(40), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

leases = sa.Table(
    "knockctl_leases",
    metadata,
    sa.Column("device", sa.String(255), primary_key=True),
    sa.Column("holder", sa.String(255), nullable=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("acquired", sa.String(40), nullable=False),
    sa.Column("expires", sa.Float, nullable=False),
)

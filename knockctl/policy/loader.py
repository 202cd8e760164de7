"""Policy files to policies, and policies to what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knockctl.errors import ConfigurationError, PolicyError, SecretError, Where
from knockctl.policy import redaction, wellformed
from knockctl.policy.model import LONGEST_PAYLOAD, LONGEST_SEQUENCE, KnockSpec, Policy
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy, ResolvedTrap
from knockctl.policy.secrets import SecretResolver, is_reference
from knockctl.ports import Span
from knockctl.yamlfile import FieldPath, YamlFile, one, read, validate


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy as written, and where every field of it stands."""

    policy: Policy
    file: YamlFile

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    @property
    def has_references(self) -> bool:
        """Tell whether secrets must be resolved to know what it means."""
        return any(
            isinstance(sequence, str)
            or any(knock.payload and is_reference(knock.payload) for knock in sequence)
            for sequence in (self.policy.sequence, self.policy.previous or ())
        )


def load_policy(path: Path) -> LoadedPolicy:
    """Read one file; raise ``PolicyError`` or ``Problems``. Resolves nothing.

    What can be told without secrets is checked for good sense at once.
    """
    file = read(path, PolicyError, "policy file")
    policy = validate(Policy, file, PolicyError)
    _check(_meaning(policy, _known_without_secrets(policy)), file)
    return LoadedPolicy(policy, file)


def _known_without_secrets(policy: Policy) -> tuple[Generation, ...]:
    """Return the generations with no knocks where a reference names them, payloads unread."""
    sequences = (policy.previous, policy.sequence)
    return tuple(
        Generation(
            number,
            ()
            if isinstance(value, str)
            else tuple(
                Knock(k.port.protocol, k.port.first, k.payload.encode() if k.payload else None)
                for k in value
            ),
        )
        for number, value in enumerate((s for s in sequences if s is not None), start=1)
    )


def _check(policy: ResolvedPolicy, file: YamlFile) -> None:
    findings = wellformed.check(policy)
    if findings:
        raise one([PolicyError(f.message, where=file.where(f.path)) for f in findings])


def load_all(folder: Path) -> dict[str, LoadedPolicy]:
    """Read every ``*.yaml`` of a folder, by policy name; all problems are told at once."""
    found: dict[str, LoadedPolicy] = {}
    problems: list[ConfigurationError] = []
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        try:
            loaded = load_policy(path)
        except ConfigurationError as error:
            problems.append(error)
            continue
        if loaded.name in found:
            problems.append(
                PolicyError(
                    f"the name {loaded.name!r} is taken by {found[loaded.name].file.path.name}",
                    where=loaded.file.where(("name",)),
                )
            )
        found[loaded.name] = loaded
    if problems:
        raise one(problems)
    return found


def resolve(loaded: LoadedPolicy, secrets: SecretResolver | None) -> ResolvedPolicy:
    """Return what a policy means; raise when it makes no sense.

    Without a resolver a reference is a ``SecretError`` that says how to resolve it.
    """
    policy, file = loaded.policy, loaded.file
    sequences = [("previous", policy.previous)] if policy.previous is not None else []
    sequences.append(("sequence", policy.sequence))
    generations = tuple(
        Generation(number, _knocks(field, value, file, secrets))
        for number, (field, value) in enumerate(sequences, start=1)
        if value is not None
    )
    resolved = _meaning(policy, generations)
    _check(resolved, file)
    return resolved


def _meaning(policy: Policy, generations: tuple[Generation, ...]) -> ResolvedPolicy:
    return ResolvedPolicy(
        name=policy.name,
        generations=generations,
        step_timeout=policy.step_timeout,
        services=policy.grant.services,
        grant_duration=policy.grant.duration,
        uses=policy.grant.uses,
        stray=policy.grant.stray,
        wrong_knock=policy.wrong_knock,
        lockout=policy.lockout.duration if policy.lockout else None,
        scope=policy.lockout.scope if policy.lockout else "all",
        traps=tuple(
            ResolvedTrap(trap.services, trap.lockout, trap.unless_granted) for trap in policy.traps
        ),
        public=policy.public,
        trusted=policy.trusted,
        otherwise=policy.otherwise,
        refuse=policy.refuse,
        log=policy.log,
        description=policy.description,
    )


def check_together(policies: Sequence[ResolvedPolicy], device: str) -> None:
    """Raise ``PolicyError`` when these can't share a device's address."""
    reasons = wellformed.check_together(policies)
    if reasons:
        raise one([PolicyError(reason, where=Where(device=device)) for reason in reasons])


# --- knocks -----------------------------------------------------------------------------------


def _knocks(
    field: str,
    value: str | tuple[KnockSpec, ...],
    file: YamlFile,
    secrets: SecretResolver | None,
) -> tuple[Knock, ...]:
    if isinstance(value, str):
        text = _secret(value, (field,), file, secrets)
        return parse_sequence(text, file.where((field,)))
    return tuple(_knock(knock, (field, i), file, secrets) for i, knock in enumerate(value))


def _knock(
    spec: KnockSpec, path: FieldPath, file: YamlFile, secrets: SecretResolver | None
) -> Knock:
    payload = spec.payload
    if payload and is_reference(payload):
        place = (*path, "payload")
        payload = _secret(payload, place, file, secrets)
        if len(payload) > LONGEST_PAYLOAD:
            raise PolicyError(
                f"the secret passphrase is longer than {LONGEST_PAYLOAD} characters",
                hint="shorten it where it is kept",
                where=file.where(place),
            )
    elif payload:
        redaction.register(payload)
    return Knock(
        spec.port.protocol, spec.port.first, payload.encode() if payload is not None else None
    )


def _secret(reference: str, path: FieldPath, file: YamlFile, secrets: SecretResolver | None) -> str:
    where = file.where(path)
    if secrets is None:
        raise SecretError(
            "a secret reference, which is not resolved here",
            hint="pass --resolve to resolve it",
            where=where,
        )
    return secrets.resolve(reference, file.path.parent, where)


def parse_sequence(text: str, where: Where) -> tuple[Knock, ...]:
    """Read a secret sequence: ports separated by commas, blanks or new lines, or a YAML list.

    Its ports are registered for redaction; no error names one.
    """
    knocks = []
    words = [word for word in re.split(r"[\s,\[\]\"']+", text) if word not in {"", "-"}]
    if not 1 <= len(words) <= LONGEST_SEQUENCE:
        raise PolicyError(
            f"the secret sequence has {len(words)} knocks; it needs 1 to {LONGEST_SEQUENCE}",
            where=where,
        )
    for place, word in enumerate(words, start=1):
        redaction.register(word)
        try:
            span = Span.parse(word)
        except ValueError:
            span = None
        if span is None or len(span) != 1:
            raise PolicyError(
                f"the secret sequence is wrong at knock {place}",
                hint="it is a list such as tcp/1234,tcp/2345,udp/3456",
                where=where,
            )
        redaction.register(str(span.first))
        knocks.append(Knock(span.protocol, span.first, secret=True))
    return tuple(knocks)


def resolve_all(
    loaded: Mapping[str, LoadedPolicy], names: Iterable[str], secrets: SecretResolver | None
) -> dict[str, ResolvedPolicy]:
    """Resolve the named policies; all problems are told at once."""
    result: dict[str, ResolvedPolicy] = {}
    problems: list[ConfigurationError] = []
    for name in names:
        try:
            result[name] = resolve(loaded[name], secrets)
        except ConfigurationError as error:
            problems.append(error)
    if problems:
        raise one(problems)
    return result

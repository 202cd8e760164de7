"""What ``policy check`` says: every policy of some files and folders, with its warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from knockctl.errors import ConfigurationError, PolicyError
from knockctl.lint.arithmetic import Warned
from knockctl.lint.arithmetic import lint as arithmetic
from knockctl.policy.loader import LoadedPolicy, load_policy, resolve
from knockctl.policy.resolved import ResolvedPolicy
from knockctl.policy.secrets import SecretResolver
from knockctl.yamlfile import one


@dataclass(frozen=True, slots=True)
class Checked:
    """One policy that is well-formed, and what lint says of it."""

    loaded: LoadedPolicy
    resolved: ResolvedPolicy | None
    """None when it has references and resolving was not asked for."""
    warnings: tuple[Warned, ...]

    def describe(self, warned: Warned) -> str:
        """Print a finding with its place."""
        where = self.loaded.file.where(warned.path)
        return f"{where}: {warned.code}: {warned.message} ({warned.evidence})"


Lint = Callable[[ResolvedPolicy], list[Warned]]


def check(
    paths: Sequence[Path],
    secrets: SecretResolver | None,
    *,
    strict: bool = False,
    lint: Lint = arithmetic,
) -> list[Checked]:
    """Check files and folders; raise every problem at once, with ``strict`` lint's, too."""
    results: list[Checked] = []
    problems: list[ConfigurationError] = []
    names: dict[str, Path] = {}
    for path in _files(paths):
        try:
            checked = _check(path, secrets, lint)
        except ConfigurationError as error:
            problems.append(error)
            continue
        results.append(checked)
        name = checked.loaded.name
        if name in names:
            where = checked.loaded.file.where(("name",))
            problems.append(
                PolicyError(f"the name {name!r} is taken by {names[name]}", where=where)
            )
        names.setdefault(name, path)
        if strict:
            problems.extend(
                PolicyError(
                    f"{w.code}: {w.message} ({w.evidence})", where=checked.loaded.file.where(w.path)
                )
                for w in checked.warnings
            )
    if problems:
        raise one(problems)
    return results


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        inside = sorted((*path.glob("*.yaml"), *path.glob("*.yml"))) if path.is_dir() else [path]
        if not inside:
            raise PolicyError(f"there is no policy file in {path}")
        found.extend(inside)
    return found


def _check(path: Path, secrets: SecretResolver | None, lint: Lint) -> Checked:
    loaded = load_policy(path)
    if loaded.has_references and secrets is None:
        return Checked(loaded, None, ())
    resolved = resolve(loaded, secrets)
    return Checked(loaded, resolved, tuple(lint(resolved)))

"""YAML files with line numbers, and errors that point into them.

Used for policies and inventories alike: ``read`` returns plain data and where each piece
stands; ``validate`` turns pydantic's findings into sentences with file, line and field.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from knockctl.errors import ConfigurationError, Problems, Where

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

FieldPath = tuple[str | int, ...]
MOST_FIELDS = 300_000
"""A file of more is refused: aliases of aliases can stand for billions in a few lines."""

_WANTED = {
    "model_type": "a mapping of fields",
    "dict_type": "a mapping",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
}

E = TypeVar("E", bound=ConfigurationError)
M = TypeVar("M", bound="BaseModel")


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The plain data of a file and the line of every field in it."""

    path: Path
    data: Any = field(repr=False)  # passphrases may be in it
    lines: Mapping[FieldPath, int] = field(default_factory=dict, repr=False)

    def line(self, path: FieldPath) -> int | None:
        """Return the line of a field, or of what it would stand in."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def where(self, path: FieldPath) -> Where:
        """Return the place of a field, for an error."""
        return Where(file=str(self.path), line=self.line(path), field=dotted(path) or None)


def dotted(path: Iterable[str | int]) -> str:
    """Print a field path: ``traps[0].services``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path, kind: type[E], what: str) -> YamlFile:
    """Read a file whose top is a mapping; every problem is a ``kind`` naming file and line."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    where = Where(file=str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise kind(f"there is no such {what}", where=where) from None
    except UnicodeDecodeError:
        raise kind("not a text in UTF-8", hint="save it as UTF-8", where=where) from None
    except OSError as error:
        raise kind(f"can't be read: {error.strerror}", where=where) from None
    try:
        node = YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        raise kind(
            f"not valid YAML: {_first_line(error.problem)}", where=Where(file=str(path), line=line)
        ) from None
    except YAMLError as error:
        raise kind(f"not valid YAML: {_first_line(str(error))}", where=where) from None
    except (ValueError, RecursionError):
        # Python's own limits: the digits of a number, the depth of nesting.
        raise kind("not usable: a number too long, or nested too deep", where=where) from None
    if not isinstance(node, Mapping):
        found = "nothing" if node is None else f"a {_kind_of(node)}"
        raise kind(f"a {what} is a mapping of fields; found {found}", where=where)
    lines: dict[FieldPath, int] = {(): 1}
    try:
        return YamlFile(path, _plain(node, (), lines), lines)
    except (OverflowError, RecursionError):
        raise kind(
            f"aliases make this more than {MOST_FIELDS:,} fields, or nested without end",
            hint="write the values out instead of & and *",
            where=where,
        ) from None


def _first_line(text: str | None) -> str:
    # ruamel quotes the values of a key that occurs twice; they may be anybody's secrets.
    return (text or "unreadable").strip().splitlines()[0].split(" with value ")[0]


def _plain(node: Any, path: FieldPath, lines: dict[FieldPath, int]) -> Any:
    """Turn ruamel's nodes into dicts, lists and scalars, noting lines on the way."""
    if len(lines) > MOST_FIELDS:
        raise OverflowError
    if isinstance(node, Mapping):
        result = {}
        for key, value in node.items():
            name = str(key)
            lines[(*path, name)] = _line(node, key)
            result[name] = _plain(value, (*path, name), lines)
        return result
    if isinstance(node, list):
        for index in range(len(node)):
            lines[(*path, index)] = _line(node, index)
        return [_plain(value, (*path, index), lines) for index, value in enumerate(node)]
    for plain in (bool, int, float, str):
        if isinstance(node, plain):
            return plain(node)
    return node if node is None else str(node)


def _line(node: Any, key: Any) -> int:
    position = node.lc.data.get(key) if node.lc.data else None
    return int(position[0] if position else node.lc.line) + 1


def validate(
    model: type[M], file: YamlFile, kind: type[ConfigurationError], at: FieldPath = ()
) -> M:
    """Build a model from (a part of) a file; raise one error, or ``Problems``, for a person."""
    from pydantic import ValidationError

    data = file.data
    for part in at:
        data = data[part]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise one(problems(error, model, file, kind, at)) from None


def one(errors: Sequence[ConfigurationError]) -> ConfigurationError:
    """Return the only error as it is, several as one ``Problems``."""
    return errors[0] if len(errors) == 1 else Problems(list(errors))


def problems(
    error: ValidationError,
    model: type[BaseModel],
    file: YamlFile,
    kind: type[ConfigurationError],
    at: FieldPath = (),
) -> list[ConfigurationError]:
    """Return every finding of pydantic's as an error with its place."""
    result: list[ConfigurationError] = []
    seen = set()
    for detail in error.errors(include_url=False, include_context=True):
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # too few good ones: each bad one has its own finding
        path = (*at, *_known(detail, file, at))
        message = _sentence(detail, model)
        if (path, message) not in seen:
            seen.add((path, message))
            result.append(kind(message, where=file.where(path)))
    return result


def _known(detail: ErrorDetails, file: YamlFile, at: FieldPath) -> FieldPath:
    """Drop the names of union branches that pydantic puts into a location."""
    path: FieldPath = ()
    for part in detail["loc"]:
        missing = detail["type"] == "missing" and part == detail["loc"][-1]
        if missing or (*at, *path, part) in file.lines:
            path = (*path, part)
    return path


def _sentence(  # noqa: PLR0911 - one return for each kind of finding
    detail: ErrorDetails, model: type[BaseModel]
) -> str:
    value = "" if _hidden(model, detail["loc"]) else _short(detail["input"])
    found = f"found {_kind_of(detail['input'])} {value}".rstrip()
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "this field is required"
        case "extra_forbidden":
            known = _model_at(model, detail["loc"]).model_fields
            return f"unknown field{nearest(str(detail['loc'][-1]), known)}"
        case "value_error":
            return str(context.get("error", detail["msg"]))
        case "literal_error":
            return f"{value} is not one of {context.get('expected')}"
        case "string_pattern_mismatch":
            return f"{value} does not match {context.get('pattern')}"
        case "too_short" | "string_too_short":
            least = _count(context["min_length"], detail)
            return f"at least {least} needed; found {len(detail['input'])}"
        case "too_long" | "string_too_long":
            most = _count(context["max_length"], detail)
            return f"at most {most} allowed; found {len(detail['input'])}"
        case _:
            words = detail["msg"].removeprefix("Input should be ")
            return f"should be {_WANTED.get(detail['type'], words)}; {found}{_remedy(detail)}"


def _count(number: int, detail: ErrorDetails) -> str:
    unit = f" character{'s' * (number != 1)}" if detail["type"].startswith("string") else ""
    return f"{number}{unit}"


def _remedy(detail: ErrorDetails) -> str:
    """Return what to write instead, where it can be told without quoting the value."""
    value = detail["input"]
    if detail["type"] == "string_type" and not isinstance(value, (dict, list, type(None))):
        return "; put it in quotes"
    if detail["type"] in {"list_type", "tuple_type"} and isinstance(value, str):
        return "; put it in [ ]"
    return ""


def _hidden(model: type[BaseModel], loc: Sequence[str | int]) -> bool:
    """Tell whether the field is one whose value ``repr`` keeps to itself: so do errors."""
    name = next((part for part in reversed(loc) if isinstance(part, str)), "")
    field = _model_at(model, loc).model_fields.get(name)
    return field is not None and not field.repr


def _model_at(model: type[BaseModel], loc: Sequence[str | int]) -> type[BaseModel]:
    """Return the model whose field the location's last part is, or would be."""
    current: type[BaseModel] = model
    for part in loc[:-1]:
        if isinstance(part, str) and part in current.model_fields:
            found = _models_in(current.model_fields[part].annotation)
            current = found[0] if found else current
    return current


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    from typing import get_args

    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?``, or the choices when nothing is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(names)}" if names else ""


def _kind_of(value: object) -> str:
    """Return what a person calls this kind of value."""
    if value is None:
        return "nothing"
    kinds = ((bool, "truth value"), (dict, "mapping"), (list, "list"), (str, "text"))
    names = (*kinds, (int, "number"), (float, "number"))
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)


def _short(value: object) -> str:
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"

"""A twin's version, as its switches ask for it."""

from __future__ import annotations

import re
from functools import cached_property


class Versioned:
    """Switches with a field ``version``, such as ``7.20`` or ``11.2.4-h1``."""

    version: str

    @cached_property
    def release(self) -> tuple[int, int, int]:
        """The version as three numbers."""
        numbers = [int(number) for number in re.findall(r"\d+", self.version)[:3]]
        return tuple([*numbers, 0, 0][:3])  # type: ignore[return-value]

    def since(self, *release: int) -> bool:
        """Tell whether the version is this one or newer."""
        return self.release >= (*release, 0, 0)[:3]

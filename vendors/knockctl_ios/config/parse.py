"""What a router prints to a config: running or startup, of any version, a part or the whole."""

from __future__ import annotations

from knockctl_ios.config import files, syntax
from knockctl_ios.config.records import BOUND, IosConfig, own


def parse_text(text: str) -> IosConfig:
    """Read back what ``IosConfig.text`` prints, or take what is ours from a running-config."""
    config = own(syntax.read(text))
    said = [line[len(BOUND) :] for line in text.splitlines() if line.startswith(BOUND)]
    told = [(interface, name) for interface, _, name in (one.rpartition(": ") for one in said)]
    bound = tuple(dict.fromkeys([*config.bound, *told]))
    return IosConfig(
        config.objects, config.inserts, config.revision, bound=bound, files=files.read(text)
    )

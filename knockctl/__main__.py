"""``python -m knockctl``."""

from knockctl.cli import main

main()

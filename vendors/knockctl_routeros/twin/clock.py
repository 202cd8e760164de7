"""The router's time, which can run faster than ours."""

from __future__ import annotations

from knockctl.lab.clock import Callback, Clock, Timer

__all__ = ["Callback", "Clock", "Timer"]

"""Replaying executions: finding the original, going back to a point of it, and beginning anew from there."""

from perdure.engine.replaying.replayer import Replayer
from perdure.engine.replaying.request import ReplayRequest

__all__ = ["ReplayRequest", "Replayer"]

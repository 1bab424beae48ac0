"""The app of the crash tests, for a server with a bug: whoever loads it has the bug planted."""

from tests.crash.ending_app import app
from tests.crash.plants import plant_what_is_asked_for

__all__ = ["app"]

plant_what_is_asked_for()

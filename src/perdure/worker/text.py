"""Text that user code made up, made fit to travel."""

from __future__ import annotations


def fit_text(text: str, most: int) -> str:
    """Cut a text, and replace what UTF-8 cannot hold: file names bring in bytes that could not be decoded.

    Args:
        text: Of `str` or a subclass, whose methods are passed over; the other end may not have that class.
        most: How many characters are kept.
    """
    return str.encode(str.__str__(text)[:most], "utf-8", "replace").decode("utf-8")

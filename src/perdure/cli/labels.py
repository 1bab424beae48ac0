"""Labels on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_labels(labels: Sequence[str]) -> dict[str, str]:
    """Read labels, `key=value` each.

    Raises:
        click.UsageError: One has another form, or a key is there several times.
    """
    parsed = {}
    for label in labels:
        key, equals, value = label.partition("=")
        if not equals:
            raise click.UsageError(f"--label {label!r} is not of the form key=value")
        if key in parsed:
            raise click.UsageError(f"--label {key!r} is given several times; a label has one value")
        parsed[key] = value
    return parsed

"""The folder of reports: what stands where in it, who may write to it, and writing without halves."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from perdure import TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator


def work_folder(report_dir: str, execution: str) -> Path:
    """Name the folder that one execution unpacks into.

    Args:
        report_dir: The folder of reports.
        execution: Resource name of the execution.
    """
    return Path(report_dir).resolve() / ".work" / execution.rpartition("/")[2]


@contextmanager
def locked(report_dir: Path) -> Iterator[None]:
    """Be the only audit that writes reports.

    The system gives the lock back when its holder dies, so that a killed worker leaves none behind.

    Raises:
        TaskError: `REPORTS_LOCKED`, while another audit writes.
    """
    report_dir.mkdir(parents=True, exist_ok=True)
    with (report_dir / ".lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TaskError("REPORTS_LOCKED", f"another audit is writing to {report_dir}") from None
        yield


def write_whole(path: Path, text: str) -> None:
    """Write a file that is either as before or complete, also after a loss of power."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)

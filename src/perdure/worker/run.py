"""One attempt in the hands of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures

    from perdure.v1.worker_service_pb2 import Assignment
    from perdure.worker.context import TaskContext
    from perdure.worker.handler import Handler


@dataclass(slots=True, eq=False)
class Run:
    """One attempt, from its assignment until its result is made.

    Attributes:
        lease: What every message about it repeats; replaced if the server granted the attempt anew.
        performed_by: What to cancel; None before it began.
    """

    handler: Handler
    assignment: Assignment
    context: TaskContext
    lease: str
    performed_by: asyncio.Task[Any] | concurrent.futures.Future[Any] | None = None

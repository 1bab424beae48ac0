"""What a handler can know and say about the attempt that it performs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from perdure.codec.values import decode_value, value_from_message
from perdure.domain.limits import TEXT_MAX_CHARACTERS, VALUE_MAX_BYTES
from perdure.worker.text import fit_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from perdure.v1.value_pb2 import ValueType
    from perdure.v1.worker_service_pb2 import Assignment

    ProgressSink = Callable[[int | None, str | None], None]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RollbackFacts:
    """What an attempt to undo a task is told of the task.

    Attributes:
        inputs: What it was done with, by name.
        outputs: What it returned, by name; empty if that is not known.
        outcome_unknown: Whether nobody knows if it was done, in full or in part.
    """

    inputs: Mapping[str, object]
    outputs: Mapping[str, object]
    outcome_unknown: bool


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """What never changes about an attempt; it can be passed to another process.

    Attributes:
        execution: Resource name of the execution.
        task: Id of the task in the integration.
        attempt: From 1; a retry has the next number.
        execution_attempt: From 1; a restart of the whole integration has the next number.
        idempotency_key: The same for every attempt of this task, and for no other: pass it on to systems
            that recognise a repetition by a key. Attempts to undo the task have another one.
        integration: Resource name of the integration.
        deadline: When the attempt times out, UTC; None for never.
        trace_parent: The `traceparent` of the call that started the execution, or empty.
        trace_state: The `tracestate` that came with it.
        development: Whether the execution is in development mode.
        rollback: Set if the attempt is to undo the task.
    """

    execution: str
    task: str
    attempt: int
    execution_attempt: int
    idempotency_key: str
    integration: str
    deadline: datetime | None
    trace_parent: str
    trace_state: str
    development: bool = False
    rollback: RollbackFacts | None = None


def facts_of(assignment: Assignment) -> AttemptFacts:
    """Read the facts of an attempt out of its assignment."""
    deadline = None
    if assignment.HasField("deadline"):
        deadline = _EPOCH + timedelta(microseconds=assignment.deadline.ToMicroseconds())
    return AttemptFacts(
        execution=assignment.execution,
        task=assignment.task_number,
        attempt=assignment.attempt,
        execution_attempt=assignment.execution_attempt,
        idempotency_key=assignment.idempotency_key,
        integration=assignment.integration,
        deadline=deadline,
        trace_parent=assignment.trace_parent,
        trace_state=assignment.trace_state,
        development=assignment.development,
        rollback=_rollback_of(assignment) if assignment.rollback else None,
    )


def _rollback_of(assignment: Assignment) -> RollbackFacts:
    return RollbackFacts(
        _plain(assignment.inputs), _plain(assignment.forward_outputs), assignment.forward_outcome_unknown
    )


def _plain(values: Mapping[str, ValueType]) -> dict[str, object]:
    return {name: decode_value(value_from_message(values[name], VALUE_MAX_BYTES)) for name in sorted(values)}


class TaskContext:
    """The first argument of a handler that asks for it. Usable from any thread.

    Attributes:
        facts: All that is known of the attempt; the most used parts have properties of their own.
        report: Takes progress in whole percent and a message, each None if there is nothing new.
    """

    def __init__(self, facts: AttemptFacts, report: ProgressSink) -> None:
        self.facts = facts
        self.report = report
        self._lock = threading.Lock()
        self._cancelled = False
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._logger: logging.LoggerAdapter[logging.Logger] | None = None

    @property
    def execution(self) -> str:
        """Resource name of the execution."""
        return self.facts.execution

    @property
    def task(self) -> str:
        """Id of the task in the integration."""
        return self.facts.task

    @property
    def attempt(self) -> int:
        """Number of the attempt, from 1."""
        return self.facts.attempt

    @property
    def execution_attempt(self) -> int:
        """Number of the execution attempt, from 1."""
        return self.facts.execution_attempt

    @property
    def idempotency_key(self) -> str:
        """A key that is the same for every attempt of this task, and for no other task; undoing it has its own."""
        return self.facts.idempotency_key

    @property
    def integration(self) -> str:
        """Resource name of the integration."""
        return self.facts.integration

    @property
    def deadline(self) -> datetime | None:
        """When the attempt times out, UTC; None for never."""
        return self.facts.deadline

    @property
    def development(self) -> bool:
        """Whether the execution is in development mode."""
        return self.facts.development

    @property
    def rollback(self) -> RollbackFacts | None:
        """What is to be undone; None if the attempt is to perform the task."""
        return self.facts.rollback

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is no longer wanted. An async handler is cancelled besides; others look here."""
        return self._cancelled

    async def wait_cancelled(self) -> None:
        """Wait until the attempt is no longer wanted."""
        event = asyncio.Event()
        with self._lock:
            if self._cancelled:
                return
            self._waiters.append((asyncio.get_running_loop(), event))
        await event.wait()

    def message(self, text: str) -> None:
        """Tell people what is being done now; shown with the execution.

        Args:
            text: 500 characters of it are kept.

        Raises:
            TypeError: It is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"a message is text, not {type(text).__name__}")
        self.report(None, fit_text(text, TEXT_MAX_CHARACTERS))

    def progress(self, percent: float) -> None:
        """Tell how far the attempt is; shown with the execution.

        Args:
            percent: From 0 to 100, rounded down.

        Raises:
            TypeError: It is no number; a bool is none.
            ValueError: It is below 0, above 100 when rounded down, or NaN.
        """
        if isinstance(percent, bool) or not isinstance(percent, (int, float)):
            raise TypeError(f"progress is a number from 0 to 100, not {type(percent).__name__}")
        # A sum of fractions may come out a little above 100. NaN compares as false.
        if not 0 <= percent < 101:
            raise ValueError(f"progress is a number from 0 to 100, not {percent}")
        self.report(int(percent), None)

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger whose records carry `execution`, `task` and `attempt`."""
        if self._logger is None:
            extra: dict[str, Any] = {"execution": self.execution, "task": self.task, "attempt": self.attempt}
            self._logger = logging.LoggerAdapter(logging.getLogger("perdure.task"), extra)
        return self._logger

    def cancel(self) -> None:
        """Make known that the attempt is no longer wanted. The worker calls this."""
        with self._lock:
            self._cancelled = True
            waiters, self._waiters = self._waiters, []
        for loop, event in waiters:
            # A loop of the handler's own may close at any time; nobody waits on it then.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(event.set)

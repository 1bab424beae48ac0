"""The parts of an integration while it is being recorded: forward, error catchers, teardown.

What follows a failure begins when nobody knows how far the execution came. A result is certain there only if
the block that failed had to wait for it; a statement that reads any other result gets a precondition that
asks for it, and is skipped without.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.policy_faults import strategy_faults
from perdure.codec.integrations.teardown_faults import teardown_faults
from perdure.definition.errors import TracingError
from perdure.definition.terms import Term, selected
from perdure.domain.integration import RetryStrategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from perdure.v1.task_config_pb2 import TaskConfig

_REFUSED: Final = frozenset({RetryStrategy.RESTART_INTEGRATION_WITH_BACKOFF})


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, as the statements after a failure see it; all empty after a success.

    Attributes:
        code: Stable, such as `TIMEOUT` or the code of a `TaskError`.
        message: For people.
        task: Id of the task that failed; empty if none did by itself.
    """

    code: str
    message: str
    task: str


@dataclass(slots=True, eq=False)
class Caught:
    """A block whose failures are handled by an `on_failure` block.

    Attributes:
        entry: The tasks that have ended when it begins, as bits.
        branch: The blocks around it that may be passed by.
        unhandled: What is told if nothing handles it; made where it stands, to name its line.
        tasks: Its tasks, once it is complete.
    """

    entry: int
    branch: tuple[int, ...]
    unhandled: TracingError
    tasks: list[TaskConfig] = field(default_factory=list)
    handled: bool = False


@dataclass(slots=True)
class Part:
    """Tasks that begin together.

    Attributes:
        certain: Tasks of other parts that have succeeded when it begins, as bits.
        start_tasks: Ids of the tasks with which it begins.
        tasks: All of its tasks.
        conditions: What its statements are recorded under; only in the teardown, which has no edges for them.
    """

    number: int
    is_teardown: bool = False
    certain: int = 0
    start_tasks: list[str] = field(default_factory=list)
    tasks: list[TaskConfig] = field(default_factory=list)
    conditions: list[Term] = field(default_factory=list)

    @property
    def is_forward(self) -> bool:
        """Whether it is what runs unless something fails."""
        return self.number == 0

    @property
    def mark(self) -> str:
        """What stands for its failure among the things that an expression reads; no task has such an id."""
        return f"failure {self.number}"

    @property
    def failure(self) -> Term:
        """The failure that it handles."""
        return Term("error", Failure, frozenset({self.mark}))

    def check(self, config: TaskConfig) -> None:
        """Refuse a task that cannot be in this part.

        Raises:
            TracingError: It has options, or is something, that goes only with the forward part.
        """
        if self.is_teardown:
            faults = [fault for fault in teardown_faults("", [config]) if not fault.path.endswith(".task_id")]
        else:
            faults = [] if self.is_forward else list(strategy_faults("", config, _REFUSED, "an on_failure block"))
        for fault in faults:
            raise TracingError(f"{fault.path.removeprefix('.teardown_tasks[0]').removeprefix('.')} {fault.description}")


def present(task_ids: Iterable[str]) -> str:
    """Ask whether tasks have succeeded; empty if there are none to ask for."""
    return " && ".join(map(_asked, sorted(task_ids)))


def _asked(task_id: str) -> str:
    text = selected("tasks", task_id)
    return f"has({text})" if text.endswith(f".{task_id}") else f"{json.dumps(task_id)} in tasks"

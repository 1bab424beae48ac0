"""What integrations are written with for failures and ends: `catching`, `on_failure` and `teardown`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from perdure.definition.errors import TracingError
from perdure.definition.parts import Caught
from perdure.definition.trace import current_trace
from perdure.definition.traced import Traced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from perdure.definition.parts import Failure


def catching() -> AbstractContextManager[Caught]:
    """Have the failures of the tasks in the block handled by the `on_failure` block that is given what this yields.

    What follows runs when the block has succeeded, and when its failure was handled. A result from inside may be
    missing then, so that it cannot be used outside.
    """
    return current_trace("catching()").catching()


@contextmanager
def on_failure(*caught: Caught, id: str = "") -> Iterator[Failure]:  # noqa: A002 - the word of the contract
    """Run the statements of the block when a task of a caught block has failed with no retry left.

    The block stands after the caught ones, side by side with them. The failure is handled if all of it succeeds.
    Without caught blocks it runs once the whole execution is bound to fail, and changes nothing in that.

    A statement that reads a result is skipped where that result is not there.

    Args:
        caught: What `catching()` yields.
        id: Id of the error catcher.

    Raises:
        TracingError: It stands in the wrong place, or something else handles the failure already.
    """
    trace = current_trace("on_failure(...)")
    if not all(isinstance(one, Caught) for one in caught):
        raise TracingError("name what is handled as `with catching() as NAME` does")
    with trace.catcher(caught, id) as failure:
        yield cast("Failure", Traced(failure))


@contextmanager
def teardown() -> Iterator[Failure]:
    """Run the statements of the block before every end of an execution, one after another, whatever they come to.

    The failure is empty when the execution has succeeded. A statement that reads a result is skipped where that
    result is not there. Tasks and integrations can be called; what runs longer than 60 s needs a timeout.

    Raises:
        TracingError: It stands in another block.
    """
    with current_trace("teardown()").teardown() as failure:
        yield cast("Failure", Traced(failure))

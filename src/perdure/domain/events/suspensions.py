"""Events of suspensions and signals (rows 59, 61; P15)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from perdure.domain.frozen import frozen
from perdure.domain.value import NO_VALUES, Value

if TYPE_CHECKING:
    from collections.abc import Mapping


class SuspensionKind(IntEnum):
    """What ends a suspension: somebody's decision or a signal."""

    APPROVAL = 1
    CALLBACK = 2


@frozen
class SuspensionOpened:
    """A task waits for a decision or a signal, without holding anything.

    Attributes:
        number: Position among the suspensions of the execution, from 1.
        expire_time: When it ends by itself; None for never.
        remind_time: When to remind; None for never.
        outputs, worker: Of the handler and who ran it, for a task that is suspended after it was performed.
    """

    number: int
    task_id: str
    kind: SuspensionKind
    expire_time: int | None = None
    remind_time: int | None = None
    lift_when_expired: bool = False
    who_may_resolve: tuple[str, ...] = ()
    message: str = ""
    signal: str = ""
    outputs: Mapping[str, Value] = NO_VALUES
    worker: str = ""


@frozen
class SuspensionReminded:
    """A suspension is still open at the time for which a reminder was asked."""

    number: int
    task_id: str


@frozen
class SuspensionResolved:
    """A suspension was lifted or rejected (3.6).

    Attributes:
        resolver: Who decided; `system` for expiry and for the end of the execution.
    """

    number: int
    task_id: str
    lifted: bool
    resolver: str
    result: str = ""
    expired: bool = False


@frozen
class SignalReceived:
    """A signal has come; it is kept until a task takes it (P15).

    Attributes:
        signal_id: Chosen by the sender; another signal with the same id changes nothing. Empty for none.
    """

    signal: str
    signal_id: str
    payload: Mapping[str, Value]
    principal: str = ""


@frozen
class SignalConsumed:
    """A task took the oldest signal of that name, once and for all."""

    signal: str
    task_id: str

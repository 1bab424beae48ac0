"""How the wait for a decision or a signal ends (semantics.md 3.6; P15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.domain import events as ev
from perdure.domain.decide.failing import SYSTEM, fail_attempt
from perdure.domain.decide.history import has_room
from perdure.domain.decide.running import settle, succeed, take_signal
from perdure.domain.errors import LimitReached, NotAllowed, NotFound, WrongState
from perdure.domain.integration import Callback
from perdure.domain.limits import SIGNALS_MAX, SIGNALS_MAX_BYTES
from perdure.domain.states import Failure
from perdure.domain.value import total_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain import commands as cmd
    from perdure.domain.decide.transition import Transition
    from perdure.domain.execution import Execution, OpenSuspension
    from perdure.domain.value import Value

LOCAL: Final = "local"
"""The principal of a server without authentication, who may decide in anybody's name."""


def resolve_suspension(transition: Transition, command: cmd.ResolveSuspension) -> None:
    """Lift or reject a suspension; the task succeeds either way, and its outputs tell which.

    Raises:
        NotFound: There never was such a suspension.
        WrongState: It is resolved, or waits for a signal.
        NotAllowed: It is not the resolver's to decide.
    """
    execution = transition.execution
    suspension = execution.suspensions.get(command.number)
    if suspension is None:
        if not 1 <= command.number <= execution.suspension_count:
            raise NotFound("suspension", str(command.number), reason="SUSPENSION_NOT_FOUND")
        raise WrongState(f"suspension {command.number} is resolved already", reason="SUSPENSION_RESOLVED")
    if suspension.kind is ev.SuspensionKind.CALLBACK:
        message = f"suspension {command.number} waits for the signal {suspension.signal}, not for a decision"
        raise WrongState(message, reason="SUSPENSION_NOT_DECIDABLE")
    allowed = suspension.who_may_resolve
    if allowed and command.resolver not in (*allowed, LOCAL):
        raise NotAllowed(f"{command.resolver} may not resolve suspension {command.number}")
    _decide(transition, suspension, command.lifted, command.resolver, command.result)


def _decide(
    transition: Transition,
    suspension: OpenSuspension,
    lifted: bool,
    resolver: str,
    result: str = "",
    *,
    expired: bool = False,
) -> None:
    task_id = suspension.task_id
    transition.emit(ev.SuspensionResolved(suspension.number, task_id, lifted, resolver, result, expired))
    value = transition.context.evaluator.value
    outputs = {
        # A handler that was performed before has a say in this one only.
        "result": value(result),
        **transition.execution.tasks[task_id].outputs,
        "approved": value(lifted),
        "resolver": value(resolver),
        "expired": value(expired),
    }
    succeed(transition, task_id, outputs)
    settle(transition, ended=task_id)


def wake_suspension(transition: Transition, suspension: OpenSuspension) -> None:
    """Do what is due: expire, or remind."""
    expires = suspension.expire_time
    if expires is None or expires > transition.now:
        transition.emit(ev.SuspensionReminded(suspension.number, suspension.task_id))
    elif suspension.kind is ev.SuspensionKind.APPROVAL:
        _decide(transition, suspension, suspension.lift_when_expired, SYSTEM, expired=True)
    else:
        task_id = suspension.task_id
        transition.emit(ev.SuspensionResolved(suspension.number, task_id, lifted=False, resolver=SYSTEM, expired=True))
        message = f"the signal {suspension.signal} has not come in time"
        fail_attempt(transition, task_id, Failure("TIMEOUT", message))
        settle(transition, ended=task_id)


def send_signal(transition: Transition, command: cmd.SendSignal) -> None:
    """Keep a signal, and hand it to the task that has waited longest for one of that name.

    Raises:
        WrongState: No task of the execution ever takes a signal of that name.
        LimitReached: Too many signals wait to be taken, or the history of the execution has no room for it.
    """
    execution = transition.execution
    if command.signal_id and command.signal_id in execution.signal_ids:
        return
    names = {task.built_in.signal for task in execution.graph.tasks.values() if isinstance(task.built_in, Callback)}
    if command.signal not in names:
        taken = f"it takes: {', '.join(sorted(names))}" if names else "it takes none"
        raise WrongState(f"the execution takes no signal {command.signal}; {taken}", reason="UNKNOWN_SIGNAL")
    waiting = next((each for each in execution.suspensions.values() if each.signal == command.signal), None)
    _check_room(execution, command.payload, taken=waiting is not None)
    transition.emit(ev.SignalReceived(command.signal, command.signal_id, command.payload, command.principal))
    if waiting is not None:
        take_signal(transition, waiting, command.principal)
        settle(transition, ended=waiting.task_id)


def _check_room(execution: Execution, payload: Mapping[str, Value], *, taken: bool) -> None:
    size = total_size(payload)
    if not taken:
        kept = sum(total_size(signal.payload) for signal in execution.signals)
        if len(execution.signals) >= SIGNALS_MAX:
            raise LimitReached(f"{SIGNALS_MAX} signals wait to be taken", reason="SIGNALS_FULL")
        if kept + size > SIGNALS_MAX_BYTES:
            message = f"the signals that wait to be taken would have {kept + size} bytes, at most {SIGNALS_MAX_BYTES}"
            raise LimitReached(f"{message} are kept", reason="SIGNALS_FULL")
    # One that is taken is written again as outputs of the task, and perhaps as parameters.
    if not has_room(execution, 3 * size if taken else size):
        raise LimitReached("the history of the execution has no room for the signal", reason="SIGNALS_FULL")

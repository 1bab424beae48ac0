"""What integrations are written with to wait for people and signals: `suspend` and `wait_for_signal`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from perdure.codec.integrations.suspension_faults import suspension_faults
from perdure.definition.arguments import output_types
from perdure.definition.conversion import dataclass_type
from perdure.definition.errors import DefinitionError, TracingError
from perdure.definition.lengths import LengthOfTime, duration
from perdure.definition.terms import Term, selected
from perdure.definition.trace import current_trace
from perdure.definition.traced import Traced, to_term
from perdure.domain.validation import PARAMETER_KEY, PARAMETER_KEY_RULE
from perdure.v1.task_config_pb2 import SuspensionConfig, TaskConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perdure.definition.arguments import Signature

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Suspension:
    """How a task waits for a person who approves or rejects.

    Attributes:
        message: What those who decide are told, at most 4,000 characters.
        by: Who may decide, at most 100 principals; empty for everyone who may call at all.
        expire_after: How long it waits, at most 31 days; None for ever.
        remind_after: After how long a reminder is recorded, less than `expire_after`; None for never.
        lift_when_expired: Whether it counts as approved at its expiry; it counts as rejected otherwise.
    """

    message: str = ""
    by: Sequence[str] = ()
    expire_after: LengthOfTime | None = None
    remind_after: LengthOfTime | None = None
    lift_when_expired: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of a suspension.

    Attributes:
        approved: Whether it was lifted rather than rejected.
        result: What the one who decided wrote.
        resolver: Who decided; `system` after the expiry.
        expired: Whether nobody decided in time.
    """

    approved: bool
    result: str
    resolver: str
    expired: bool


def suspension_message(suspension: Suspension) -> SuspensionConfig:
    """Make the contract's message.

    Raises:
        DefinitionError: It names nobody, somebody twice, or lengths that cannot be.
    """
    if isinstance(suspension.by, str):
        raise DefinitionError(f"by is a list of names; write by=[{suspension.by!r}]")
    message = SuspensionConfig(
        custom_message=suspension.message,
        who_may_resolve=suspension.by,
        lift_when_expired=suspension.lift_when_expired,
    )
    if suspension.expire_after is not None:
        message.expire_after.CopyFrom(duration(suspension.expire_after))
    if suspension.remind_after is not None:
        message.remind_after.CopyFrom(duration(suspension.remind_after))
    for fault in suspension_faults("suspension", message):
        raise DefinitionError(f"{fault.path} {fault.description}")
    return message


def check_beside_decision(signature: Signature) -> None:
    """Refuse a handler whose results would be replaced by those of the decision that follows it.

    Raises:
        DefinitionError: It returns a plain value, or a dataclass with fields of a decision.
    """
    taken = [field.name for field in fields(Decision) if field.name in output_types(signature.returns)]
    if taken:
        raise DefinitionError(
            f"{signature.name} is suspended after it was performed, and the decision has {', '.join(taken)} too: "
            "return a dataclass with other fields, or None"
        )


def suspend(
    message: str = "",
    *,
    by: Sequence[str] = (),
    expire_after: LengthOfTime | None = None,
    remind_after: LengthOfTime | None = None,
    lift_when_expired: bool = False,
    id: str = "",  # noqa: A002 - the word of the contract
) -> Decision:
    """Wait until a person approves or rejects. What follows runs either way: branch with `when(decision.approved)`.

    Args:
        message: As in `Suspension`, like the others.
        by: Who may decide.
        expire_after: How long it waits.
        remind_after: When a reminder is recorded.
        lift_when_expired: Whether it counts as approved at its expiry.
        id: Id of the task.

    Raises:
        TracingError: The options cannot be meant.
    """
    trace = current_trace("suspend(...)")
    config = TaskConfig()
    try:
        config.suspend.CopyFrom(
            suspension_message(Suspension(message, by, expire_after, remind_after, lift_when_expired))
        )
    except DefinitionError as error:
        raise TracingError(str(error)) from None
    return _decision(trace.record(config, "suspend", frozenset(), task_id=id))


def decision_of(result: object) -> Decision:
    """Hand out what was decided on the result of a task that is suspended after it was performed.

    Raises:
        TracingError: It is no result of such a task.
    """
    trace = current_trace("decision_of(...)")
    term = to_term(result) if isinstance(result, Traced) else None
    if term is None or term.output is None or not trace.task(term.output[0]).HasField("suspension_config"):
        raise TracingError("this is no result of a task with suspend_after=Suspension(...)")
    return _decision(term.output[0])


def _decision(task_id: str) -> Decision:
    return cast("Decision", _outputs(task_id, Decision))


def _outputs(task_id: str, annotation: object) -> Traced:
    text = f"{selected('tasks', task_id)}.outputs"
    return Traced(Term(text, annotation, frozenset({task_id}), output=(task_id, "")))


@overload
def wait_for_signal(
    signal: str,
    payload: type[R],
    *,
    timeout: LengthOfTime | None = None,
    id: str = "",
) -> R: ...
@overload
def wait_for_signal(
    signal: str,
    *,
    timeout: LengthOfTime | None = None,
    id: str = "",
) -> Any: ...  # noqa: ANN401 - the sender alone knows what it sends
def wait_for_signal(
    signal: str,
    payload: type[Any] | None = None,
    *,
    timeout: LengthOfTime | None = None,
    id: str = "",  # noqa: A002
) -> Any:
    """Wait for a signal and stand for its payload. One that came before is taken at once.

    Args:
        signal: Its name, an identifier of at most 63 characters.
        payload: A dataclass with the fields of the payload; by default any field can be read.
        timeout: How long it waits before the task fails with `TIMEOUT`, at most 31 days; None for ever.
        id: Id of the task, otherwise made from the name of the signal.

    Raises:
        TracingError: The name or the length cannot be, or the payload is described by no dataclass.
    """
    trace = current_trace("wait_for_signal(...)")
    if not PARAMETER_KEY.fullmatch(signal):
        raise TracingError(f"{signal!r} cannot be the name of a signal: {PARAMETER_KEY_RULE}")
    if payload is not None and dataclass_type(payload) is None:
        raise TracingError("the payload of a signal has named fields: describe them by a dataclass")
    config = TaskConfig()
    config.callback.signal = signal
    if timeout is not None:
        try:
            config.callback.timeout.CopyFrom(duration(timeout))
        except DefinitionError as error:
            raise TracingError(str(error)) from None
    task_id = trace.record(config, signal, frozenset(), task_id=id)
    return _outputs(task_id, Any if payload is None else payload)

"""Faults of tasks that wait for a person or a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from perdure.codec.integrations.field_faults import length_faults, name_faults, show, text_faults
from perdure.codec.integrations.reading import microseconds
from perdure.domain.errors import FieldViolation
from perdure.domain.limits import RESOLVERS_MAX, SUSPENSION_MAX
from perdure.domain.validation import PARAMETER_KEY, PARAMETER_KEY_RULE
from perdure.v1.task_config_pb2 import SuccessPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from perdure.v1.task_config_pb2 import CallbackConfig, SuspensionConfig, TaskConfig

MESSAGE_MAX_CHARACTERS: Final = 4_000
"""Longest message to those who decide."""


def suspension_faults(path: str, config: SuspensionConfig) -> Iterator[FieldViolation]:
    """Find what is wrong with how a task waits for a decision (semantics.md row 59)."""
    yield from _resolver_faults(path, config)
    yield from text_faults(f"{path}.custom_message", config.custom_message, MESSAGE_MAX_CHARACTERS)
    yield from length_faults(f"{path}.expire_after", config.expire_after, SUSPENSION_MAX)
    yield from length_faults(f"{path}.remind_after", config.remind_after, SUSPENSION_MAX)
    if 0 < microseconds(config.expire_after) <= microseconds(config.remind_after):
        yield FieldViolation(f"{path}.remind_after", "is not shorter than expire_after")


def _resolver_faults(path: str, config: SuspensionConfig) -> Iterator[FieldViolation]:
    if len(config.who_may_resolve) > RESOLVERS_MAX:
        yield FieldViolation(
            f"{path}.who_may_resolve", f"has {len(config.who_may_resolve)} entries, the limit is {RESOLVERS_MAX}"
        )
        return
    seen: set[str] = set()
    for position, principal in enumerate(config.who_may_resolve):
        place = f"{path}.who_may_resolve[{position}]"
        yield from text_faults(place, principal)
        if not principal:
            yield FieldViolation(place, "is empty; leave the list empty if everyone may decide")
        elif principal in seen:
            yield FieldViolation(place, f"{show(principal)} is named twice")
        seen.add(principal)


def callback_faults(path: str, config: CallbackConfig) -> Iterator[FieldViolation]:
    """Find what is wrong with how a task waits for a signal (semantics.md row 61)."""
    yield from name_faults(f"{path}.signal", config.signal, PARAMETER_KEY, PARAMETER_KEY_RULE)
    yield from length_faults(f"{path}.timeout", config.timeout, SUSPENSION_MAX)


def success_policy_faults(path: str, task: TaskConfig) -> Iterator[FieldViolation]:
    """Find what is wrong with what follows when a task was performed."""
    state = task.success_policy.final_state
    suspends = state == SuccessPolicy.FINAL_STATE_SUSPENDED
    built_in = task.WhichOneof("built_in")
    place = f"{path}.success_policy.final_state"
    if state not in SuccessPolicy.FinalState.values():
        yield FieldViolation(place, f"{state} is no state")
    if suspends and built_in:
        yield FieldViolation(
            place, f"a task with `{built_in}` cannot be suspended; let a task with `suspend` follow it"
        )
    if task.HasField("suspension_config"):
        if not suspends:
            yield FieldViolation(f"{path}.suspension_config", "goes with FINAL_STATE_SUSPENDED only")
        yield from suspension_faults(f"{path}.suspension_config", task.suspension_config)
    elif suspends:
        yield FieldViolation(f"{path}.suspension_config", "is required with FINAL_STATE_SUSPENDED")

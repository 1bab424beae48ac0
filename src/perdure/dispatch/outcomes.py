"""Outcomes of attempts as workers report them, checked: what a handler made up is bounded before it is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from perdure.codec.json_text import InvalidJson, parse_json
from perdure.codec.values import InvalidValue, value_from_message
from perdure.domain.limits import ERROR_TEXT_MAX_CHARACTERS, PARAMETERS_MAX_BYTES, VALUE_MAX_BYTES
from perdure.domain.states import Failure

if TYPE_CHECKING:
    from perdure.domain.value import Value
    from perdure.v1.worker_service_pb2 import TaskResult

OUTPUT_NAME_MAX: Final = 128
"""Longest name of an output, in characters."""

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,62}").fullmatch


def read_outputs(succeeded: TaskResult.Succeeded) -> dict[str, Value] | Failure:
    """Read what a handler returned; an output that is refused makes the attempt a failed one."""
    total = succeeded.ByteSize()
    if total > PARAMETERS_MAX_BYTES:
        message = f"the outputs have {total} bytes together, the limit is {PARAMETERS_MAX_BYTES}"
        return _refused("VALUE_TOO_LARGE", message)
    outputs: dict[str, Value] = {}
    for name, output in succeeded.outputs.items():
        if len(name) > OUTPUT_NAME_MAX:
            return _refused("INVALID_FIELD", f"the name of an output has more than {OUTPUT_NAME_MAX} characters")
        size = output.ByteSize()
        if size > VALUE_MAX_BYTES:
            return _refused("VALUE_TOO_LARGE", f"output {name} has {size} bytes, the limit is {VALUE_MAX_BYTES}")
        try:
            outputs[name] = value_from_message(output, VALUE_MAX_BYTES)
        except InvalidValue as error:
            is_json = output.WhichOneof("value") == "json_value"
            return _refused("INVALID_JSON" if is_json else "INVALID_FIELD", f"output {name} {error}")
    return outputs


def read_failure(failed: TaskResult.Failed) -> Failure:
    """Read why a handler failed. Texts are cut, and a code or payload that is not well formed is replaced."""
    error = failed.error
    payload = error.payload
    try:
        if payload:
            parse_json(payload)
    except InvalidJson:
        payload = ""
    return Failure(
        code=error.code if _CODE(error.code) else "HANDLER_ERROR",
        message=error.message[:ERROR_TEXT_MAX_CHARACTERS],
        payload=payload if len(payload) <= ERROR_TEXT_MAX_CHARACTERS else "",
        context=error.context[:ERROR_TEXT_MAX_CHARACTERS],
        stack_trace=error.stack_trace[:ERROR_TEXT_MAX_CHARACTERS],
        retryable=failed.retryable if failed.HasField("retryable") else True,
    )


def _refused(code: str, message: str) -> Failure:
    return Failure(code, message, retryable=False)

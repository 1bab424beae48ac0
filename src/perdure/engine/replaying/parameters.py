"""With which parameters a replay begins: the original's, the modified ones, the defaults (row 46)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.values import KIND_NAMES
from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.domain.expression import ExpressionError
from perdure.domain.limits import PARAMETERS_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from perdure.domain.expression import Evaluator
    from perdure.domain.integration import Integration
    from perdure.domain.value import Value
    from perdure.engine.replaying.request import ReplayRequest

FIELD = "modified_parameters"


def drops_original(request: ReplayRequest) -> bool:
    """Whether the modified parameters are all there are: some are given, and no mask says which they replace."""
    return bool(request.inputs) and request.replaced is None


def modified(original: Mapping[str, Value], request: ReplayRequest) -> dict[str, Value]:
    """Replace what the request modifies: the masked ones, or without a mask everything."""
    return {**({} if drops_original(request) else original), **request.inputs}


def continued(
    integration: Integration, original: Mapping[str, Value], request: ReplayRequest, evaluator: Evaluator
) -> tuple[dict[str, Value], list[str]]:
    """Make the parameters of a replay that begins in the middle, where a caller may set any parameter.

    Args:
        integration: The revision that runs.
        original: The parameters of the original at that point.
        request: Modifies them.
        evaluator: Converts values to the declared types.

    Returns:
        The parameters, and what of the original's own does not fit this revision.

    Raises:
        InvalidRequest: A modified parameter is unknown or of the wrong type, an input is missing, or all are too
            large together; every fault is told.
    """
    faults = _unknown(integration, original, request)
    misfits: list[str] = []
    parameters: dict[str, Value] = {}
    for key, value in modified(original, request).items():
        declared = integration.parameters.get(key)
        try:
            parameters[key] = evaluator.fit(value, declared.kind) if declared else value
        except ExpressionError as error:
            if key in request.inputs:
                faults.append(("PARAMETER_TYPE_MISMATCH", FieldViolation(f'{FIELD}["{key}"]', error.message)))
            else:
                misfits.append(f"parameter {key}: {error.message}")
    for key, parameter in integration.parameters.items():
        if key in parameters or (key in original and not drops_original(request)):
            continue
        if parameter.default is not None:
            parameters[key] = parameter.default
        elif parameter.is_input:
            violation = FieldViolation(f'{FIELD}["{key}"]', f"is required, a {KIND_NAMES[parameter.kind]}")
            faults.append(("REQUIRED_FIELD_MISSING", violation))
    total = sum(len(value.encoded) for value in parameters.values())
    if total > PARAMETERS_MAX_BYTES:
        description = f"all parameters are {total} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        faults.append(("VALUE_TOO_LARGE", FieldViolation(FIELD, description)))
    if faults:
        message = f"parameters do not fit {integration.name}: {faults[0][1].path} {faults[0][1].description}"
        raise InvalidRequest(message, *(violation for _, violation in faults), reason=faults[0][0])
    return parameters, misfits


def received(
    integration: Integration,
    original: Mapping[str, Value],
    parameters: Mapping[str, Value],
    request: ReplayRequest,
) -> dict[str, Value]:
    """Show as inputs of a replay that begins in the middle those of the original, the modified ones in their place.

    Args:
        integration: The revision that runs.
        original: The inputs of the original.
        parameters: With which the replay begins.
        request: Modifies some.
    """
    declared = integration.parameters
    given = (key for key in request.inputs if key in original or (key in declared and declared[key].is_input))
    return {**({} if drops_original(request) else original), **{key: parameters[key] for key in given}}


def _unknown(
    integration: Integration, original: Mapping[str, Value], request: ReplayRequest
) -> list[tuple[str, FieldViolation]]:
    """Find the modified parameters that are neither declared nor there at the point."""
    known = {*integration.parameters, *original}
    names = ", ".join(sorted(known)) or "none"
    return [
        ("UNKNOWN_PARAMETER", FieldViolation(f'{FIELD}["{key}"]', f"is not declared; there are: {names}"))
        for key in request.inputs
        if key not in known
    ]

"""Checks what a run is given against what its integration declares: inputs and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perdure.codec.values import KIND_NAMES
from perdure.domain.errors import FieldViolation, InvalidRequest
from perdure.domain.expression import ExpressionError
from perdure.domain.limits import LABELS_MAX, PARAMETERS_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from perdure.domain.expression import Evaluator
    from perdure.domain.integration import Integration
    from perdure.domain.value import Value


def check_inputs(
    integration: Integration,
    inputs: Mapping[str, Value],
    evaluator: Evaluator,
    *,
    field: str = "input_parameters",
    more: Iterable[FieldViolation] = (),
) -> dict[str, Value]:
    """Convert inputs to their declared types (row 11), reporting every fault at once.

    Args:
        integration: Declares them.
        inputs: As received.
        evaluator: Knows which value fits which type.
        field: Path of the inputs in the request.
        more: Faults that were found elsewhere in the request.

    Raises:
        InvalidRequest: A parameter is unknown, missing, of the wrong type, or all are too large together; or there
            are other faults.
    """
    fitted: dict[str, Value] = {}
    faults: list[tuple[str, FieldViolation]] = []
    for key, value in inputs.items():
        path = f'{field}["{key}"]'
        declared = integration.parameters.get(key)
        if declared is None or not declared.is_input:
            known = ", ".join(sorted(k for k, p in integration.parameters.items() if p.is_input)) or "none"
            what = "is output only" if declared else "is not declared"
            faults.append(("UNKNOWN_PARAMETER", FieldViolation(path, f"{what}; the inputs are: {known}")))
            continue
        try:
            fitted[key] = evaluator.fit(value, declared.kind)
        except ExpressionError as error:
            faults.append(("PARAMETER_TYPE_MISMATCH", FieldViolation(path, error.message)))
    for key, parameter in integration.parameters.items():
        if parameter.is_input and parameter.default is None and key not in inputs:
            violation = FieldViolation(f'{field}["{key}"]', f"is required, a {KIND_NAMES[parameter.kind]}")
            faults.append(("REQUIRED_FIELD_MISSING", violation))
    total = sum(len(value.encoded) for value in fitted.values())
    if total > PARAMETERS_MAX_BYTES:
        description = f"all parameters are {total} bytes together, at most {PARAMETERS_MAX_BYTES} are allowed"
        faults.append(("VALUE_TOO_LARGE", FieldViolation(field, description)))
    faults.extend(("INVALID_FIELD", violation) for violation in more)
    if faults:
        first = faults[0][1]
        message = f"the request does not fit integration {integration.name}: {first.path} {first.description}"
        raise InvalidRequest(message, *(violation for _, violation in faults), reason=faults[0][0])
    return fitted


def merge_labels(integration: Integration, labels: Mapping[str, str]) -> dict[str, str]:
    """Add the labels of the integration to those of a call, which go before them (row 20).

    Raises:
        InvalidRequest: There are too many of them together.
    """
    merged = {**integration.labels, **labels}
    if len(merged) > LABELS_MAX:
        description = f"are {len(merged)} with those of the integration, at most {LABELS_MAX} are allowed"
        raise InvalidRequest(f"labels: {description}", FieldViolation("labels", description))
    return merged

"""Expressions in CEL, evaluated by `cel-expr-python`.

The dialect is the standard definitions and macros of the language and nothing more: an extension could be
added later, never taken away.

The library has traits that are dealt with here: faults at run time come as values of the type ERROR; a
string is cut at a NUL character on its way in; maps have no order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cel_expr_python import cel

from perdure.codec.values import InvalidValue, coerce, elements, encode_python
from perdure.domain.expression import (
    ERROR_FIELDS,
    EXECUTION_FIELDS,
    TASK_VARIABLES,
    ExpressionError,
    ExpressionProblem,
)
from perdure.expression.bindings import bind, look_up, to_instant, to_value
from perdure.expression.outline import VARIABLES, Outline, Path, outline, references
from perdure.expression.work import WORK_MAX, bound_work

if TYPE_CHECKING:
    from perdure.domain.expression import References, Scope
    from perdure.domain.value import Value, ValueKind

DIALECT: Final = "cel-1"
"""The language of the expressions of a revision, recorded in it."""

EXPRESSION_MAX_BYTES: Final = 4096
"""Longest expression, in bytes of UTF-8."""

_PROBLEMS_MAX: Final = 16
_FAULT_MAX_CHARACTERS: Final = 300
_COMPILED_MAX: Final = 1024

_TEXT_MAP: Final = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_TYPES: Final = {
    "params": _TEXT_MAP,
    "tasks": _TEXT_MAP,
    "execution": _TEXT_MAP,
    "error": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    "item": cel.Type.DYN,
    "index": cel.Type.INT,
}

# An entry of the library's report of a failed compilation; the source line that follows begins with a blank.
_FAULT: Final = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*?)(?: \[[A-Z_]+\])?$", re.MULTILINE)
_STATUS: Final = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_CLUTTER: Final = re.compile(r" expecting \{.*\}| \(in container '.*'\)")
_MISSING: Final = re.compile(
    r"(?:Key not found in map : |No value with name )(.*?)(?: found in Activation)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An expression made ready: its program, and what its text tells."""

    program: Any
    outline: Outline
    references: References


class CelEvaluator:
    """The `Evaluator` of the engine; keeps the expressions used last compiled."""

    def __init__(self) -> None:
        self._environment = lru_cache(maxsize=16)(_environment)
        self._compiled = lru_cache(maxsize=_COMPILED_MAX)(self._compile)

    def evaluate(self, expression: str, scope: Scope) -> Value:
        """Compute a value; see `Evaluator.evaluate`."""
        compiled = self._compiled(expression)
        value = look_up(compiled.outline.plain, scope) if compiled.outline.plain else None
        return _to_value(_run(compiled, scope)) if value is None else value

    def test(self, expression: str, scope: Scope) -> bool:
        """Decide a condition; see `Evaluator.test`."""
        result = _run(self._compiled(expression), scope)
        if result.type() != cel.Type.BOOL:
            raise ExpressionError(f"a condition must yield BOOL, this one yields {result.type().name()}")
        return bool(result.value())

    def references(self, expression: str) -> References:
        """Say what the expression mentions; see `Evaluator.references`."""
        return self._compiled(expression).references

    def check(
        self, expression: str, variables: frozenset[str] = TASK_VARIABLES, *, condition: bool = False
    ) -> tuple[ExpressionProblem, ...]:
        """Find the faults that show without running it; see `Evaluator.check`."""
        try:
            program = _compile(self._environment(variables), expression)
        except ExpressionError as error:
            return error.problems
        problems = [problem for path in outline(expression).paths if (problem := _wrong_field(path, expression))]
        yields = program.return_type()
        if condition and yields not in (cel.Type.BOOL, cel.Type.DYN):
            problems.append(ExpressionProblem(f"a condition must yield BOOL, this one yields {yields.name()}"))
        return tuple(problems)

    def fit(self, value: Value, kind: ValueKind) -> Value:
        """Convert a value to a declared kind where nothing is lost; see `Evaluator.fit`."""
        try:
            return coerce(value, kind)
        except InvalidValue as error:
            raise ExpressionError(error.message) from None

    def value(self, plain: str | bool) -> Value:
        """Make a value of a text or a truth value; see `Evaluator.value`."""
        return encode_python(plain)

    def items(self, value: Value) -> list[Value]:
        """Take a list apart; see `Evaluator.items`."""
        try:
            return elements(value)
        except InvalidValue as error:
            raise ExpressionError(error.message) from None

    def instant(self, expression: str, scope: Scope) -> int:
        """Compute an instant, in microseconds since the epoch; see `Evaluator.instant`."""
        return to_instant(self.evaluate(expression, scope))

    def _compile(self, expression: str) -> _Compiled:
        program = _compile(self._environment(VARIABLES), expression)
        shape = outline(expression)
        return _Compiled(program, shape, references(shape.paths))


def _environment(variables: frozenset[str]) -> Any:  # noqa: ANN401 - the library has no types to name
    return cel.NewEnv(variables={name: _TYPES[name] for name in variables})


def _compile(environment: Any, expression: str) -> Any:  # noqa: ANN401
    problem = _unreadable(expression)
    if problem:
        raise ExpressionError(problem, (ExpressionProblem(problem),))
    try:
        return environment.compile(expression)
    except RuntimeError as error:
        problems = _problems(str(error))
        raise ExpressionError("; ".join(map(str, problems)), problems) from None


def _unreadable(expression: str) -> str:
    try:
        size = len(expression.encode())
    except UnicodeEncodeError:
        return "the expression holds one half of a surrogate pair"
    if size > EXPRESSION_MAX_BYTES:
        return f"the expression has {size} bytes, the limit is {EXPRESSION_MAX_BYTES}"
    return "the expression holds a NUL character" if "\0" in expression else ""


def _problems(report: str) -> tuple[ExpressionProblem, ...]:
    faults = [
        ExpressionProblem(_CLUTTER.sub("", text)[:_FAULT_MAX_CHARACTERS], max(0, int(line)), max(0, int(column)))
        for line, column, text in _FAULT.findall(report)
    ]
    # One cause is often reported several times over.
    distinct = tuple(dict.fromkeys(faults))
    return distinct[:_PROBLEMS_MAX] or (ExpressionProblem(_STATUS.sub("", report)[:_FAULT_MAX_CHARACTERS]),)


def _wrong_field(path: Path, expression: str) -> ExpressionProblem | None:
    """Find a field that no `execution`, `error` or task has; the types of the language cannot say it."""
    variable, *names = path.names
    fields = {"execution": EXECUTION_FIELDS, "error": ERROR_FIELDS}.get(variable)
    if variable == "tasks" and len(names) > 1:
        variable, fields, names = "a task", frozenset({"outputs"}), names[1:]
    if fields is None or not names or names[0] in fields:
        return None
    before = expression[: path.offset]
    line, column = before.count("\n") + 1, path.offset - (before.rfind("\n") + 1) + 1
    known = ", ".join(sorted(fields))
    return ExpressionProblem(f'"{names[0]}" is none of the fields of {variable}: {known}', line, column)


def _run(compiled: _Compiled, scope: Scope) -> Any:  # noqa: ANN401
    """Evaluate, and hand out the library's result if it is no error."""
    bindings = bind(compiled.references, scope)
    if bound_work(compiled.outline, bindings) > WORK_MAX:
        raise ExpressionError("too much work for an expression on inputs of this size; let a task do it")
    try:
        result = compiled.program.eval(data=bindings)
    except (RuntimeError, TypeError, MemoryError) as error:
        raise ExpressionError(_STATUS.sub("", str(error))) from None
    if result.type() == cel.Type.ERROR:
        raise ExpressionError(_explain(result.value()))
    return result


def _to_value(result: Any) -> Value:  # noqa: ANN401
    try:
        plain = result.plain_value()
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        raise ExpressionError(f"a result of type {result.type().name()} is no value: {error}") from None
    return to_value(plain)


def _explain(fault: str) -> str:
    fault = _STATUS.sub("", fault)
    missing = _MISSING.fullmatch(fault)
    return f"there is no {missing[1]}" if missing else fault[:_FAULT_MAX_CHARACTERS]

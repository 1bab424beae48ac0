"""What the expressions of dialect `cel-1` mean, as data: any engine that is put in must agree with all of it.

A case is an expression, what it reads, and either the value with its kind, or a part of the error's text. The
part is chosen so that the text of the present library and a better one both have it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from perdure.domain.value import ValueKind

STRING, INT, DOUBLE, BOOLEAN = ValueKind.STRING, ValueKind.INT, ValueKind.DOUBLE, ValueKind.BOOLEAN
STRINGS, INTS, BOOLEANS, JSON = (
    ValueKind.STRING_ARRAY,
    ValueKind.INT_ARRAY,
    ValueKind.BOOLEAN_ARRAY,
    ValueKind.JSON,
)


@dataclass(frozen=True)
class Case:
    expression: str
    kind: ValueKind | None = None
    result: object = None
    error: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    failure: Mapping[str, str] | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


BIG = (1 << 53) + 1
ORDER = {"id": "A-1", "lines": [{"sku": "x", "count": 2}, {"sku": "y", "count": 5}], "note": None}
STOCK: dict[str, dict[str, object]] = {
    "reserve": {"total": 12.5, "codes": [3, 4], "ok": True},
    "print-label": {"url": "https://a/1"},
}

CASES = [
    # References
    Case("params.x", INT, 7, params={"x": 7}),
    Case('params["x"]', INT, 7, params={"x": 7}),
    Case("params['a b']", STRING, "v", params={"a b": "v"}),
    Case("params.x", JSON, ORDER, params={"x": ORDER}),
    Case("params.codes", INTS, [1, 2], params={"codes": [1, 2]}),
    Case("params.gone", error='"gone"'),
    Case("tasks.reserve.outputs.total", DOUBLE, 12.5, tasks=STOCK),
    Case('tasks["print-label"].outputs["url"]', STRING, "https://a/1", tasks=STOCK),
    Case("tasks.reserve.outputs", JSON, dict(STOCK["reserve"]), tasks=STOCK),
    Case("tasks.reserve.outputs.gone", error='"gone"', tasks=STOCK),
    Case("tasks.gone.outputs.total", error='"gone"', tasks=STOCK),
    Case("tasks.gone.outputs.total + 1.0", error='"gone"', tasks=STOCK),
    Case("params.order.lines[1].sku", STRING, "y", params={"order": ORDER}),
    Case("params.order.lines[2].sku", error="2", params={"order": ORDER}),
    Case("params.order.gone", error='"gone"', params={"order": ORDER}),
    Case("params.x.y", error="", params={"x": 1}),
    Case("params[params.name]", INT, 1, params={"name": "a", "a": 1}),
    Case("tasks[params.name].outputs.ok", BOOLEAN, True, params={"name": "reserve"}, tasks=STOCK),
    Case("params", JSON, {"a": 1, "b": "c"}, params={"b": "c", "a": 1}),
    Case("execution.id", STRING, "e-1"),
    Case("execution.attempt + 1", INT, 3),
    Case(
        "error.code == 'TIMEOUT' && error.message.contains('slow')",
        BOOLEAN,
        True,
        failure={"code": "TIMEOUT", "message": "too slow"},
    ),
    Case("error.code == 'TIMEOUT'", error="error"),
    Case("item", JSON, {"sku": "x"}, extra={"item": {"sku": "x"}}),
    Case("item.sku + string(index)", STRING, "x4", extra={"item": {"sku": "x"}, "index": 4}),
    Case("index", INT, 0, extra={"item": "a", "index": 0}),
    # Absence
    Case("has(params.x)", BOOLEAN, False),
    Case("has(params.x)", BOOLEAN, True, params={"x": None}),
    Case("has(params.x) ? params.x : 5", INT, 5),
    Case("has(params.order.note)", BOOLEAN, True, params={"order": ORDER}),
    Case("'x' in params", BOOLEAN, True, params={"x": 1}),
    Case("has(tasks.reserve)", BOOLEAN, True, tasks=STOCK),
    Case("has(tasks.gone)", BOOLEAN, False, tasks=STOCK),
    Case("params.x == null", BOOLEAN, True, params={"x": None}),
    # Numbers
    Case("params.x + 1", INT, BIG + 1, params={"x": BIG}),
    Case("params.x.n + 1", INT, BIG + 1, params={"x": {"n": BIG}}),
    Case("params.x > 9007199254740992", BOOLEAN, True, params={"x": BIG}),
    Case("params.x", INT, -(1 << 63), params={"x": -(1 << 63)}),
    Case("params.x + 1", error="overflow", params={"x": (1 << 63) - 1}),
    Case("params.x.n + 1", error="out of range", params={"x": {"n": 1 << 64}}),
    Case("7 / 2", INT, 3),
    Case("-7 / 2", INT, -3),
    Case("-7 % 2", INT, -1),
    Case("7.0 / 2.0", DOUBLE, 3.5),
    Case("1 / 0", error="zero"),
    Case("1.0 / 0.0", error="infinite"),
    Case("params.x + 0.5", error="overload", params={"x": 1}),
    Case("double(params.x) + 0.5", DOUBLE, 1.5, params={"x": 1}),
    Case("params.x == 1.0", BOOLEAN, True, params={"x": 1}),
    Case("params.x > 0.5", BOOLEAN, True, params={"x": 1}),
    Case("params.x == 1", BOOLEAN, False, params={"x": True}),
    Case("int('12') + int(3.9)", INT, 15),
    Case("int('twelve')", error="cannot convert"),
    Case("5u", INT, 5),
    Case("18446744073709551615u", error="64 bits"),
    # Texts
    Case("'a' + \"b\" + r'\\n' + '\\u00e9'", STRING, "ab\\né"),
    Case("size(params.s)", INT, 2, params={"s": "é\U0001d11e"}),
    Case("params.s.startsWith('a') && params.s.endsWith('c')", BOOLEAN, True, params={"s": "abc"}),
    Case("params.s.matches('^[a-c]+$')", BOOLEAN, True, params={"s": "abc"}),
    Case("params.s.matches('(')", error="regular expression", params={"s": "abc"}),
    Case("params.s == 'a'", error="NUL", params={"s": "a\0b"}),
    Case("params.s.t[0] == 'a'", error="NUL", params={"s": {"t": ["a\0b"]}}),
    Case("params.s.t[0] == 'a\\\\u0000'", BOOLEAN, True, params={"s": {"t": ["a\\u0000"]}}),
    Case("b'abc'", error="bytes"),
    # Logic
    Case("false && 1 / 0 > 0", BOOLEAN, False),
    Case("1 / 0 > 0 || true", BOOLEAN, True),
    Case("params.x ? 1 : 2", error="", params={"x": 1}),
    Case("!params.x", BOOLEAN, False, params={"x": True}),
    # Lists and maps
    Case("[1, 2] + [3]", INTS, [1, 2, 3]),
    Case("['a', 'b']", STRINGS, ["a", "b"]),
    Case("[]", JSON, []),
    Case("[1, 'a', null]", JSON, [1, "a", None]),
    Case("{'b': [1.5], 'a': {'c': true}}", JSON, {"a": {"c": True}, "b": [1.5]}),
    Case("{1: 2}", error="not a string"),
    Case("2 in params.codes", BOOLEAN, True, params={"codes": [1, 2]}),
    Case("params.order.lines.map(line, line.count * 2)", INTS, [4, 10], params={"order": ORDER}),
    Case("params.order.lines.filter(line, line.count > 2)[0].sku", STRING, "y", params={"order": ORDER}),
    Case("params.order.lines.all(line, line.count > 0)", BOOLEAN, True, params={"order": ORDER}),
    Case("params.order.lines.exists(line, line.sku == 'z')", BOOLEAN, False, params={"order": ORDER}),
    Case("params.codes.exists_one(code, code > 1)", BOOLEAN, True, params={"codes": [1, 2]}),
    Case("params.codes.map(params, params > 1)", BOOLEANS, [False, True], params={"codes": [1, 2]}),
    # Time
    Case("timestamp('2026-01-31T09:00:00Z') + duration('90m')", STRING, "2026-01-31T10:30:00Z"),
    Case("timestamp('2026-01-31T09:00:00.25+01:00')", STRING, "2026-01-31T08:00:00.250000Z"),
    Case("timestamp(execution.create_time) < timestamp('2030-01-01T00:00:00Z')", BOOLEAN, True),
    Case("duration('-90.5s')", STRING, "-90.5s"),
    Case("[duration('1h')]", STRINGS, ["3600s"]),
    # Text around the expression
    Case(" params . x // the order's number\n", INT, 7, params={"x": 7}),
    Case("'params.y' + params.x // params.z", STRING, "params.yv", params={"x": "v"}),
]

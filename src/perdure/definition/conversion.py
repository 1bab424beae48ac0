"""Python objects and what travels of them, by their annotations.

str, int, float, bool and lists of one of them have kinds of their own; dataclasses, enums, instants and all
else that JSON can hold travel as JSON.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

from perdure.codec.values import InvalidValue, encode_python
from perdure.definition.errors import ConversionError, DefinitionError
from perdure.domain.value import Value, ValueKind

Reader = Callable[[object, str], object]
"""Makes an argument of what JSON could hold; the text says where it stands."""

ONLY_RESULT: Final = "result"
"""Name of the one result of a task that returns no dataclass."""

_KINDS: Final = {str: ValueKind.STRING, int: ValueKind.INT, float: ValueKind.DOUBLE, bool: ValueKind.BOOLEAN}
_ARRAY_KINDS: Final = {
    str: ValueKind.STRING_ARRAY,
    int: ValueKind.INT_ARRAY,
    float: ValueKind.DOUBLE_ARRAY,
    bool: ValueKind.BOOLEAN_ARRAY,
}
_UNION_ORIGINS: Final = (typing.Union, types.UnionType)
_LISTS: Final = (list, Sequence)
_MAPS: Final = (dict, Mapping)


def kind_of(annotation: object) -> ValueKind:
    """Tell the kind of the values that an annotation describes."""
    annotation = plain_annotation(annotation)
    if isinstance(annotation, type) and annotation in _KINDS:
        return _KINDS[annotation]
    if get_origin(annotation) is list:
        return _ARRAY_KINDS.get(get_args(annotation)[0], ValueKind.JSON)
    return ValueKind.JSON


def plain_annotation(annotation: object) -> object:
    """Look through `Annotated`, `NewType` and aliases."""
    while True:
        if get_origin(annotation) is typing.Annotated:
            annotation = get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__  # type: ignore[attr-defined]
        else:
            return annotation


def without_none(annotation: object) -> object:
    """Make `X` of `X | None`; leave everything else as it is."""
    annotation = plain_annotation(annotation)
    if get_origin(annotation) in _UNION_ORIGINS:
        others = [arm for arm in get_args(annotation) if arm is not type(None)]
        if len(others) == 1:
            return plain_annotation(others[0])
    return annotation


def dataclass_type(annotation: object) -> type | None:
    """Hand out the dataclass that an annotation is, None aside; None if it is no dataclass."""
    annotation = without_none(annotation)
    return annotation if isinstance(annotation, type) and dataclasses.is_dataclass(annotation) else None


def unwraps(annotation: object) -> bool:
    """Whether reading for an annotation takes a single result out of the object that a loop puts around it.

    Where any object will do, an object around a result cannot be told from the result.
    """
    annotation = without_none(annotation)
    shapeless = annotation in {Any, object, None, type(None), *_MAPS} or get_origin(annotation) in _MAPS
    return not (shapeless or typing.is_typeddict(annotation) or dataclass_type(annotation))


@cache
def field_types(cls: type) -> dict[str, object]:
    """Resolve the types of the fields that a dataclass is made with.

    Raises:
        DefinitionError: An annotation of the dataclass cannot be resolved.
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError) as error:
        raise DefinitionError(f"the annotations of {cls.__qualname__} cannot be resolved: {error}") from None
    return {field.name: hints[field.name] for field in _made_with(cls)}


def to_plain(value: object, path: str) -> object:
    """Make what JSON can hold of a Python object.

    Raises:
        ConversionError: The object, or one inside it, has no such form.
    """
    if isinstance(value, Enum):  # first, because a StrEnum is a str too
        return to_plain(value.value, path)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_key(key, path): to_plain(element, f"{path}[{key!r}]") for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(element, f"{path}[{position}]") for position, element in enumerate(value)]
    if isinstance(value, datetime):
        return _instant_text(value, path)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_plain(getattr(value, field.name), f"{path}.{field.name}")
            for field in _made_with(type(value))
        }
    raise ConversionError(f"{path}: {type(value).__qualname__} has no form as a value; return what JSON can hold")


def encode(value: object, kind: ValueKind, path: str) -> Value:
    """Make a value of a Python object, of the kind that its annotation asks for.

    Raises:
        ConversionError: The object does not fit the kind, or has no form as a value.
    """
    try:
        return encode_python(to_plain(value, path), kind)
    except InvalidValue as error:
        raise ConversionError(f"{path}: {error}") from None


@cache
def reader(annotation: object) -> Reader:
    """Make the function that reads values for an annotation.

    Raises:
        DefinitionError: No value can be read for it.
    """
    annotation = plain_annotation(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any or annotation is object:
        return lambda value, _: value
    if annotation is None or annotation is type(None):
        return _exact(type(None), "nothing")
    if origin in _UNION_ORIGINS:
        return _union([reader(arm) for arm in arguments], str(annotation))
    if origin is Literal:
        return _one_of(arguments)
    if origin in _LISTS or annotation in _LISTS:
        return _list_of(reader(arguments[0]) if arguments else reader(Any))
    if origin in _MAPS or annotation in _MAPS or typing.is_typeddict(annotation):
        return _map_of(reader(arguments[1]) if arguments else reader(Any))
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return _tuple_of(_list_of(reader(arguments[0])))
    if isinstance(annotation, type):
        return _class_reader(annotation)
    raise DefinitionError(f"no value can be read for the annotation {annotation}")


def _class_reader(cls: type) -> Reader:
    if cls is float:
        return _unwrapping(_read_float)
    if cls in _KINDS:
        return _unwrapping(_exact(cls, cls.__name__))
    if issubclass(cls, Enum):
        return _unwrapping(_enum(cls))
    if cls is datetime:
        return _unwrapping(_read_instant)
    if dataclasses.is_dataclass(cls):
        return _dataclass(cls)
    raise DefinitionError(f"no value can be read for the annotation {cls.__qualname__}")


def _unwrapping(read: Reader) -> Reader:
    """Take `{"result": x}` for `x`: the form in which a loop hands on the items of a task with one result."""

    def read_item(value: object, path: str) -> object:
        if isinstance(value, dict) and value.keys() == {ONLY_RESULT}:
            return read(value[ONLY_RESULT], path)
        return read(value, path)

    return read_item


def _exact(cls: type, name: str) -> Reader:
    def read(value: object, path: str) -> object:
        if type(value) is not cls:  # a bool is no int here
            raise _mismatch(path, name, value)
        return value

    return read


def _read_float(value: object, path: str) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(path, "float", value)
    return float(value)


def _read_instant(value: object, path: str) -> object:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _mismatch(path, "an instant in RFC 3339 text", value)
    return moment


def _enum(cls: type[Enum]) -> Reader:
    def read(value: object, path: str) -> object:
        try:
            return cls(value)
        except ValueError:
            raise _mismatch(path, f"a value of {cls.__name__}", value) from None

    return read


def _one_of(values: tuple[object, ...]) -> Reader:
    def read(value: object, path: str) -> object:
        if value not in values:
            raise _mismatch(path, f"one of {values}", value)
        return value

    return _unwrapping(read)


def _union(readers: list[Reader], name: str) -> Reader:
    def read(value: object, path: str) -> object:
        for arm in readers:
            try:
                return arm(value, path)
            except ConversionError:
                continue
        raise _mismatch(path, name, value)

    return read


def _list_of(element: Reader) -> Reader:
    def read(value: object, path: str) -> object:
        if not isinstance(value, list):
            raise _mismatch(path, "a list", value)
        return [element(one, f"{path}[{position}]") for position, one in enumerate(value)]

    return _unwrapping(read)


def _tuple_of(read_list: Reader) -> Reader:
    def read(value: object, path: str) -> object:
        elements = read_list(value, path)
        assert isinstance(elements, list)
        return tuple(elements)

    return read


def _map_of(element: Reader) -> Reader:
    def read(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _mismatch(path, "an object", value)
        return {key: element(one, f"{path}[{key!r}]") for key, one in value.items()}

    return read


def _dataclass(cls: type) -> Reader:
    fields = _made_with(cls)
    required = {field.name for field in fields if _has_no_default(field)}

    def read(value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise _mismatch(path, f"the fields of {cls.__name__}", value)
        missing = required - value.keys()
        if missing:
            raise ConversionError(f"{path}: {', '.join(sorted(missing))} missing for {cls.__name__}")
        # Fields that only a newer version of the dataclass has are passed over.
        given = {name: kind for name, kind in field_types(cls).items() if name in value}
        return cls(**{name: reader(kind)(value[name], f"{path}.{name}") for name, kind in given.items()})

    return read


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _made_with(cls: type) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.init]


def _key(key: object, path: str) -> str:
    if isinstance(key, Enum):
        key = key.value
    if not isinstance(key, str):
        raise ConversionError(f"{path}: keys must be str, not {type(key).__qualname__}")
    return key


def _instant_text(moment: datetime, path: str) -> str:
    if moment.tzinfo is None:
        raise ConversionError(f"{path}: the datetime has no time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _mismatch(path: str, expected: str, value: object) -> ConversionError:
    got = "nothing" if value is None else type(value).__name__
    return ConversionError(f"{path}: expected {expected}, got {got}")

"""Decoding what this gateway wrote itself: the same shape, without asking again whether every text fits its pattern.

A record is validated when it comes in; its canonical JSON is stored, and is decoded for every delivery and every
attempt. Half of that decoding would be patterns and lengths that were checked before. Invariant: types, enumerations
and required fields are still enforced; only ``Meta`` constraints are not.
"""

from __future__ import annotations

import types
from functools import cache
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

_T = TypeVar("_T", bound=msgspec.Struct)


def decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    """A decoder whose values look like ``kind`` (they are no instances of it) and whose texts are not checked."""
    return cast("msgspec.json.Decoder[_T]", msgspec.json.Decoder(_unconstrained(kind)))


def _unconstrained(annotation: Any) -> Any:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _unconstrained(get_args(annotation)[0])
    if origin in {list, tuple, dict, set, frozenset}:
        return origin[tuple(each if each is ... else _unconstrained(each) for each in get_args(annotation))]
    if origin in {Union, types.UnionType}:
        return Union[tuple(map(_unconstrained, get_args(annotation)))]  # noqa: UP007 - built, not written
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return _struct(annotation)
    return annotation


@cache
def _struct(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    # A type that contains itself would need a name to refer to before it exists; no record does.
    fields: list[Any] = [
        (field.name, _unconstrained(field.type))
        if field.required
        else (field.name, _unconstrained(field.type), _default(field))
        for field in msgspec.structs.fields(kind)
    ]
    return msgspec.defstruct(
        kind.__name__,
        fields,
        module=kind.__module__,
        frozen=True,
        kw_only=True,
        omit_defaults=kind.__struct_config__.omit_defaults,
        tag=kind.__struct_config__.tag,
        tag_field=kind.__struct_config__.tag_field,
    )


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return msgspec.field(default_factory=field.default_factory)
    return field.default

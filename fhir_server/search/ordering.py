"""Sort keys → MongoDB: the order of a plan, and the stages that compute the values which are not stored.

Rule: what is read of a row is its entries, and what is sorted only its id and its sort values, so that memory is
bounded by the page; what a reference leads to counts only where the caller may see it.
See https://www.mongodb.com/docs/manual/reference/operator/aggregation-pipeline/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sys import float_info
from typing import Any

from fhir_server.document import entry, layout
from fhir_server.document.entry import Filter
from fhir_server.search.query import Behind, Computed, Held, Plan, Position, SortKey, SortValue, Stored
from fhir_server.search.tree import Expr
from resources import quantities

Sort = tuple[tuple[str, int], ...]
Stage = dict[str, Any]
Condition = Callable[[Expr], Filter]
"""What makes the filter of a resource that a link leads to out of the limit under which it is seen."""


def order(keys: Sequence[SortKey]) -> Sort:
    """The sort of MongoDB, made total by the id, but for ties in the time of the last update, which the cursor tells
    apart; empty where the client asked for none. Where a value must be computed, all are, under names of their own: so
    that the next page goes on from what was sorted, whatever has happened to the rows."""
    keys = _total(keys)
    is_stored = all(key.stored for key in keys)
    return tuple((_field(number, key, is_stored=is_stored), -1 if key.descending else 1)
                 for number, key in enumerate(keys))  # fmt: skip


def computed(keys: Sequence[SortKey], condition: Condition) -> Computed | None:
    """How the values of the keys are computed; None where all are stored."""
    keys = _total(keys)
    names = [key.name for key in keys if key.stored is None]
    if not names:
        return None
    fields = [field for field, _ in order(keys)]
    stages = [
        stage
        for field, key in zip(fields, keys, strict=True)
        if field != layout.ID
        for stage in _value(field, key.values, "$max" if key.descending else "$min", condition)
    ]
    return Computed((*stages, {"$project": dict.fromkeys(fields, 1)}), ", ".join(names))


def _total(keys: Sequence[SortKey]) -> Sequence[SortKey]:
    fields = [key.stored for key in keys]
    if layout.ID in fields:
        return keys[: fields.index(layout.ID) + 1]  # it leaves no ties
    if layout.UPDATED in fields or not keys:
        return keys
    return (*keys, SortKey((Stored(layout.ID),), descending=keys[-1].descending))


def _field(number: int, key: SortKey, *, is_stored: bool) -> str:
    return key.stored if key.stored and (is_stored or key.stored == layout.ID) else f"{COMPUTED}{number}"


def pipeline(plan: Plan, most: int) -> list[Stage]:
    """The aggregation of a plan whose sort values are computed, of `most` rows at most."""
    stages = plan.computed.stages if plan.computed else ()
    return [{"$match": plan.filter}, *stages, {"$sort": dict(plan.sort)}, {"$limit": most}]


def after(order: Sort, position: Position) -> list[Filter]:
    """Rows behind a position: further on in the order, or equal in all keys and not shown yet."""
    (field, direction), first = order[0], position.values[0]
    if len(order) == 1 and first is not None:
        return [{field: {"$lte" if direction < 0 else "$gte": first}}, {layout.ID: {"$nin": list(position.seen)}}]
    choices: list[Filter] = []
    equal: Filter = {}
    for (field, direction), value in zip(order, position.values, strict=True):
        choices.extend({**equal, **beyond} for beyond in _beyond(field, direction, value))
        equal[field] = value
    if layout.ID not in equal:
        choices.append({**equal, layout.ID: {"$nin": list(position.seen)}})
    # The choices bound nothing in an index; the first key alone does.
    (field, direction) = order[0]
    bound: list[Filter] = [{field: {"$gte": first} if direction > 0 else {"$not": {"$gt": first}}}]
    return [*(bound if first is not None else ()), {"$or": choices}]


def _beyond(field: str, direction: int, value: Any) -> list[Filter]:
    """Rows that come after `value`, where null comes before everything."""
    if value is None:
        return [] if direction < 0 else [{field: {"$ne": None}}]
    return [{field: {"$gt": value}}] if direction > 0 else [{field: {"$lt": value}}, {field: None}]


COMPUTED = "_k"
"""What the names of computed sort values begin with."""


def _value(field: str, values: Sequence[SortValue], first: str, condition: Condition) -> list[Stage]:
    """The stages that set `field` to that of the values which is `first` (`$min` or `$max`); null if there is none."""
    stages: list[Stage] = []
    found: list[Any] = []
    for number, value in enumerate(values):
        if isinstance(value, Behind):
            there = f"{field}_{number}"
            stages += _lookup(there, value, first, condition)
            found.append({first: f"${there}.{field}"})
        else:
            found.append({first: _held(value)} if isinstance(value, Held) else f"${value.field}")
    return [*stages, {"$set": {field: {"$ifNull": [{first: found}, None]}}}]


def _lookup(there: str, link: Behind, first: str, condition: Condition) -> list[Stage]:
    """The stages that set the array `there` to what the link leads to, each with its sort value."""
    if link.limit is None:
        raise ValueError("the caller's limit was not planted behind a sort key")
    field = there.rpartition("_")[0]
    type_, _, code = link.key.partition(".")
    reference = f".{code}{entry.SEPARATOR}"
    ids = _rests(_beginning(layout.INDEX, type_, f"{reference}{link.target}/"), type_, reference)
    inner: list[Stage] = [
        {"$match": condition(link.limit)},
        *_value(field, (link.value,), first, condition),
        {"$project": {layout.ID: 0, field: 1}},
    ]
    stages = _joined(there, ids, layout.ID, inner)
    if not link.by_url:
        return stages
    named = f"{there}_named"
    values = _rests(_beginning(layout.INDEX, type_, reference), type_, reference)
    name = {"$concat": [{"$literal": entry.canonical_key(link.target) + entry.SEPARATOR}, "$$held"]}
    stages += _joined(named, _each(values, name), layout.INDEX, inner)
    return [*stages, {"$set": {there: {"$concatArrays": [f"${there}", f"${named}"]}}}]


def _joined(there: str, wanted: Any, field: str, inner: list[Stage]) -> list[Stage]:
    """The stages that set the array `there` to what `inner` makes of the resources that have one of the values `wanted`
    in `field`."""
    lookup = {
        "from": layout.RESOURCES,
        "localField": there,
        "foreignField": field,
        "pipeline": inner,
        "as": there,
    }
    return [{"$set": {there: wanted}}, {"$lookup": lookup}]


# Values among entries


def _held(value: Held) -> Any:
    """The array of a parameter's values: the folded text of a string, the code of a token, the low end of a range."""
    key = f".{value.code}"
    if value.kind == "date":
        return _lows(_ranges(value.type, key))
    if value.kind == "number":
        return _amounts(value.type, key)
    if value.kind == "quantity":
        in_units = _bounded(_lows(_beginning(layout.RANGES, value.type, entry.units_key(key, quantities.UCUM))))
        either = {"$cond": [{"$eq": ["$$units", []]}, _amounts(value.type, key), "$$units"]}
        return {"$let": {"vars": {"units": in_units}, "in": either}}
    entries = _beginning(layout.INDEX, value.type, key + entry.SEPARATOR)
    if value.kind in ("string", "token"):
        return _each(entries, {"$arrayElemAt": [{"$split": ["$$held", entry.SEPARATOR]}, 1]})
    return _rests(entries, value.type, key + entry.SEPARATOR)


def _amounts(type_: str | None, key: str) -> Any:
    return _bounded(_lows(_ranges(type_, entry.amount_key(key))))


def _bounded(numbers: Any) -> Any:
    """The numbers without infinities, which a cursor could not carry."""
    return _each(numbers, {"$max": [{"$min": ["$$held", float_info.max]}, -float_info.max]})


def _lows(ranges: Any) -> Any:
    return _each(ranges, "$$held.lo")


def _rests(entries: Any, type_: str | None, prefix: str) -> Any:
    """What stands behind a prefix that all entries have."""
    return _each(entries, {"$substrBytes": ["$$held", {"$strLenBytes": _text(type_, prefix)}, -1]})


def _ranges(type_: str | None, key: str) -> Any:
    return _those(layout.RANGES, {"$in": ["$$held.k", [_text(type_, key), _text(type_, key + entry.WIDE)]]})


def _beginning(array: str, type_: str | None, prefix: str) -> Any:
    """The entries, or ranges, whose text or key begins so."""
    text = "$$held.k" if array == layout.RANGES else "$$held"
    end = entry.successor(prefix)
    return _those(array, {"$and": [{"$gte": [text, _text(type_, prefix)]}, {"$lt": [text, _text(type_, end)]}]})


def _text(type_: str | None, rest: str) -> Any:
    """A text that begins with a resource type, the one of the row where `type_` is None."""
    return {"$literal": type_ + rest} if type_ else {"$concat": [f"${layout.TYPE}", {"$literal": rest}]}


def _those(array: str, condition: Any) -> Any:
    return {"$filter": {"input": {"$ifNull": [f"${array}", []]}, "as": "held", "cond": condition}}


def _each(array: Any, made: Any) -> Any:
    return {"$map": {"input": array, "as": "held", "in": made}}

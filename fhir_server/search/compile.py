"""Tree → MongoDB: a `Plan` with its filter, sort, keyset and index. Pure.

Rules: an index is always hinted, since with several the free planner chooses wrongly; a test of an entry is one
condition on one array element; client text is only ever compared as a value; tombstones are never found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from fhir_server.document import entry, layout, position
from fhir_server.document.entry import Filter
from fhir_server.search import cursor, ordering, periods
from fhir_server.search.ordering import Sort
from fhir_server.search.query import Computed, Plan, Position, Query
from fhir_server.search.tree import (
    All,
    Any_,
    Chain,
    Concept,
    Contains,
    Equals,
    Expr,
    Has,
    HasId,
    InCompartment,
    Linked,
    Near,
    Not,
    OfType,
    Present,
    StartsWith,
    Under,
    Updated,
    Within,
    all_of,
    conjuncts,
    has_node,
)
from resources.outcome import BadRequest

BY_ID: Sort = ((layout.ID, 1),)
"""The order where the client asked for none: what others write moves nothing in it."""
_DATE = periods.PRINCIPAL
_FAMILY = f"{layout.SORT}.family"
_OF_ENTRIES = frozenset({"iI", "iD", "xI", "rK"})
_NOTHING: Filter = {layout.ID: {"$in": []}}


def plan(query: Query, tree: Expr, *, secret: bytes, frequent: Collection[Expr] = ()) -> Plan:
    """How to get one page of a query, whose tree was restricted and its links resolved as far as possible: `tree`;
    `secret` opens its cursor; `frequent` are those of `costly(query, tree)` that many resources satisfy.

    Raises BadRequest for a cursor that is not the query's.
    """
    position = cursor.unseal(query.cursor, query, secret) if query.cursor else None
    parts = conjuncts(tree)
    groups = _groups(parts, position) if not query.sort else None
    if groups is not None:
        parts = tuple(part for part in parts if part is not groups)
        return replace(_plan(parts, BY_ID, query.count, "iI"), position=position, groups=groups)
    if position is not None and position.group is not None:
        raise BadRequest("Parameter _cursor: what this search goes through has changed; start with page one")
    computed = ordering.computed(query.sort, _seen)
    if computed is not None:
        return _computing(query, parts, computed, position)
    dates = _dates(parts)
    if dates and not any(part in frequent for part in dates):
        return _of_dates(query, parts, dates, position, frequent)
    order = ordering.order(query.sort) or BY_ID
    return _behind(_plan(parts, order, query.count, _hint([p for p in parts if p not in frequent], order)), position)


def costly(query: Query, tree: Expr) -> list[Expr]:
    """Those parts of a tree whose index gives their rows not in the order that is wanted, where nothing else does: it
    depends on how many satisfy them whether their rows are sorted, or all of the type gone through in order."""
    parts = conjuncts(tree)
    if not query.sort and _groups(parts, None) is not None:
        return []
    dates = _dates(parts)
    is_computed = any(key.stored is None for key in query.sort)
    if is_computed or any(isinstance(part, HasId) or _all_are(part, InCompartment) for part in parts):
        return []
    first = query.sort[0].stored if query.sort else _DATE if dates else layout.ID
    if first in (_DATE, layout.ID) and any(_has_order(part, first) for part in parts):
        return []
    return [part for part in parts if _is_costly(part) and not (first == _DATE and part in dates)]


def in_order_of_entries(query: Query, tree: Expr) -> bool:
    """Whether rows may be read from an index in the order that they have behind an entry, of the principal date or the
    id, which they have only for one entry at a time, not for all with the same beginning."""
    return not query.sort or query.sort[0].stored in (_DATE, layout.ID) or bool(_dates(conjuncts(tree)))


def counting(part: Expr, tree: Expr) -> Plan:
    """How to count the rows of one of `costly(query, tree)`: of dates, those that what has an order leaves."""
    parts = conjuncts(tree)
    types = [other for other in parts if isinstance(other, OfType)]
    if part not in periods.tests(parts):
        return _plan([*types, part], (), 0)
    entries = [other for other in parts if _has_order(other, _DATE)]
    conditions = [*map(_filter, entries or types), periods.bounds([part])]
    return Plan(_joined(conditions), (), "iD" if entries else "tD", 0)


def _has_order(part: Expr, first: str) -> bool:
    """Whether the rows of `part` come from its index in the order of the principal date or of the id (`first`)."""
    if isinstance(part, Linked):
        return len(part.ids) <= MERGED
    if not _all_are(part, Equals):
        return False
    return not _has_rare(part) or (first == layout.ID and _is_all_rare(part))


def _is_costly(part: Expr) -> bool:
    return isinstance(part, Present | Linked | Updated) or _all_are(part, StartsWith, Within, Equals)


def _behind(found: Plan, position: Position | None) -> Plan:
    """The plan for the rows behind a position."""
    if position is None:
        return found
    return replace(found, filter=_joined([found.filter, *ordering.after(found.sort, position)]), position=position)


def _computing(query: Query, parts: Sequence[Expr], computed: Computed, position: Position | None) -> Plan:
    """The plan whose sort values are computed: what is behind the position is known only after that."""
    found = replace(_plan(parts, (), query.count), sort=ordering.order(query.sort), position=position)
    if position is not None:
        after = {"$match": _joined(ordering.after(found.sort, position))}
        computed = replace(computed, stages=(*computed.stages, after))
    return replace(found, computed=computed)


# The principal date


def _dates(parts: Sequence[Expr]) -> list[Expr]:
    """The tests of the principal date, where it is they that narrow, perhaps with other entries."""
    others = (HasId, InCompartment, Linked)
    if any(has_links(part) or isinstance(part, others) for part in parts):
        return []
    return periods.tests(parts)


def _of_dates(
    query: Query, parts: Sequence[Expr], dates: Sequence[Expr], position: Position | None, frequent: Collection[Expr]
) -> Plan:
    """The plan that has its bounds on the principal date: short spans, and also the long ones."""
    order = ordering.order(query.sort) or ((_DATE, 1), (layout.ID, 1))
    kinds = Equals, StartsWith, Contains
    narrowing = [part for part in parts if part not in frequent or _all_are(part, Equals)]
    by_entry = any(_all_are(part, *kinds) and not _has_rare(part) for part in narrowing)
    short, long = _dated(parts, dates, order, query.count, "i" if by_entry else "t")
    return replace(_behind(short, position), also=_behind(long, position))


def _dated(
    parts: Sequence[Expr], dates: Sequence[Expr], order: Sort, size: int, first: str
) -> tuple[Plan, Plan]:
    """The plans of the short and the long spans, by the indexes that begin with the entry (`i`) or the type (`t`)."""
    conditions = [condition for condition in map(_filter, dict.fromkeys([*parts, *dates])) if condition]
    short = Plan(_joined([*conditions, periods.short(dates)]), order, f"{first}D", size)
    return short, Plan(_joined([*conditions, periods.long(dates)]), order, f"{first}W", size)


def unordered(tree: Expr, size: int) -> Plan:
    """How to get at most `size` rows of a tree, whichever come first, or to count all of them."""
    return _plan(conjuncts(tree), (), size)


def _plan(parts: Sequence[Expr], order: Sort, size: int, hint: str | None = None) -> Plan:
    residual = [part for part in parts if has_links(part)]
    parts = [part for part in parts if not has_links(part)]
    hint = hint or _hint(parts, order)
    return Plan(_joined(_conditions(parts, hint)), order, hint, size, None, all_of(*residual) if residual else None)


def has_links(node: Expr) -> bool:
    """Whether a tree has links that were not resolved, and cannot be asked in one query."""
    return has_node(node, Chain, Has)


MERGED = 200
"""So many values of one index MongoDB merges in order; more it would sort."""


def _groups(parts: Sequence[Expr], position: Position | None) -> Linked | None:
    """The link whose resources are gone through group by group: it has many, and nothing else narrows. Whether it is
    so is decided for the first page."""
    linked = [part for part in parts if isinstance(part, Linked)]
    if position is not None:
        return linked[0] if linked and position.group is not None else None
    narrowing = Equals, StartsWith, InCompartment, Within, Near
    if any(isinstance(part, HasId) or _all_are(part, *narrowing) for part in parts):
        return None
    many = [part for part in linked if len(part.ids) > MERGED]
    return many[0] if many and not any(map(has_links, parts)) else None


def group(plan: Plan, linked: Linked, start: int, end: int, position: Position | None) -> Plan:
    """The plan for the rows that refer to one of the resources from `start` to `end` of those that `plan` goes through,
    and, where a row may refer to several, to none before; behind `position`, where one in this group is given."""
    conditions = [*_linked(linked.key, linked.ids[start:end]), plan.filter]
    if linked.many and start:
        conditions.append({"$nor": _linked(linked.key, linked.ids[:start])})
    if position is not None and position.values:
        conditions += ordering.after(BY_ID, position)
    return replace(plan, filter=_joined(conditions), groups=None)


def _seen(limit: Expr) -> Filter:
    """The filter of resources that a sort key leads to: those that are there and satisfy the limit."""
    return _joined([{layout.DELETED: {"$ne": True}}, *(found for found in map(_filter, conjuncts(limit)) if found)])


# Which index


def _hint(parts: Sequence[Expr], order: Sort) -> str:  # noqa: PLR0911 - a table
    """The name of the index that narrows most, or, where nothing narrows, that has the order."""
    first = order[0][0] if order else layout.UPDATED
    if any(isinstance(part, HasId) for part in parts):
        return layout.BY_ID
    if any(_all_are(part, InCompartment) for part in parts):
        return "cI"
    if any(_all_are(part, Equals, StartsWith, Contains, Linked) and not _has_rare(part) for part in parts):
        return "iD" if first == _DATE else "iI"
    if any(_all_are(part, Equals, StartsWith) and _is_all_rare(part) for part in parts):
        return "xI"
    if any(_all_are(part, Within, Near) for part in parts):
        return "rK"
    if any(isinstance(part, Present) for part in parts):
        return "rK" if any(isinstance(part, Present) and part.ranged for part in parts) else "iI"
    if any(isinstance(part, Updated) for part in parts):
        return "tU" if any(_all_are(part, OfType) for part in parts) else "U"
    if first == layout.ID:
        return layout.BY_ID
    if not any(_all_are(part, OfType) for part in parts):
        return "U"
    return {_DATE: "tD", _FAMILY: "tF"}.get(first, "tU")


def _has_rare(part: Expr) -> bool:
    """Whether an entry that `part` asks for is seldom asked for, and kept in another index."""
    if isinstance(part, Any_):
        return any(map(_has_rare, part.parts))
    match part:
        case Equals(text) | StartsWith(text) | Contains(text):
            return entry.is_rare(text)
    return False


def _is_all_rare(part: Expr) -> bool:
    return all(map(_is_all_rare, part.parts)) if isinstance(part, Any_) else _has_rare(part)


def _all_are(part: Expr, *kinds: type) -> bool:
    """Whether `part` is, or is a choice among, nodes of these kinds."""
    if isinstance(part, Any_):
        return bool(part.parts) and all(_all_are(inner, *kinds) for inner in part.parts)
    return isinstance(part, kinds)


def _conditions(parts: Sequence[Expr], hint: str) -> list[Filter]:
    """The filters of the parts, and what the hinted index leaves open: tombstones, its partial filter."""
    index = next((index for index in layout.INDEXES if index.name == hint), None)
    if hint in _OF_ENTRIES and len(parts) > 1 and any(_has_key_of_type(part, parts[0]) for part in parts[1:]):
        parts = parts[1:]
    conditions = [condition for condition in map(_filter, parts) if condition]
    if index is not None and index.partial:
        conditions.append(index.partial)
    if hint == layout.BY_ID and not any(isinstance(part, HasId) for part in parts):
        conditions += [_ids_of(part.types) for part in parts if isinstance(part, OfType)]
    if not any(_all_are(part, Equals, StartsWith, Contains, Within, Near, Linked) for part in parts):
        conditions.append({layout.DELETED: {"$ne": True}})  # a tombstone has no entries
    return conditions


def _has_key_of_type(part: Expr, first: Expr) -> bool:
    """Whether `part` asks for an entry whose key says already that the type is the one of `first`, which `restrict`
    puts there; without the second test a count is answered from the index alone."""
    if isinstance(part, Any_):
        return bool(part.parts) and all(_has_key_of_type(inner, first) for inner in part.parts)
    if not isinstance(first, OfType) or len(first.types) > 1:
        return False
    match part:
        case Equals(text) | StartsWith(text) | Contains(text) | Within(text) | Near(text) | Linked(text):
            return text.startswith(f"{first.types[0]}.")
    return False


def _ids_of(types: tuple[str, ...]) -> Filter:
    """The bounds of the ids of these types in their index: `Patient/…`, below the character after the slash."""
    several = [{layout.ID: {"$gte": f"{type_}/", "$lt": f"{type_}0"}} for type_ in types]
    return several[0] if len(several) == 1 else {"$or": several}


def _joined(conditions: list[Filter]) -> Filter:
    return conditions[0] if len(conditions) == 1 else {"$and": conditions}


# Nodes


def _filter(node: Expr) -> Filter:  # noqa: C901, PLR0911 - one a node
    match node:
        case All(parts):
            conditions = [condition for condition in map(_filter, parts) if condition]
            return _joined(conditions) if conditions else {}
        case Any_(parts):
            return _choice(parts)
        case Not(part):
            return {"$nor": [_filter(part)]}
        case Equals(wanted):
            return entry.equals(wanted)
        case StartsWith(prefix):
            return entry.starts_with(prefix)
        case Contains(key, text):
            return entry.contains(key, text)
        case Within():
            return _within(node)
        case Near(key, latitude, longitude, metres):
            return position.near(key, latitude, longitude, metres)
        case Linked(key, ids):
            return _joined(_linked(key, ids))
        case Present(key, ranged):
            return entry.has_range(key) if ranged else entry.starts_with(key + entry.SEPARATOR)
        case InCompartment() | OfType() | HasId() | Updated():
            return _field(node)
        case Chain() | Has() | Concept() | Under():
            raise ValueError("what needs other resources is resolved before")


def _linked(key: str, ids: Sequence[str]) -> list[Filter]:
    return entry.one_of([entry.exact(key, id_) for id_ in ids])


def _field(node: InCompartment | OfType | HasId | Updated) -> Filter:
    match node:
        case InCompartment(key):
            return {layout.COMPARTMENTS: key}
        case OfType(types):
            return {layout.TYPE: types[0]} if len(types) == 1 else {layout.TYPE: {"$in": list(types)}}
        case HasId(keys):
            return {layout.ID: keys[0]} if len(keys) == 1 else {layout.ID: {"$in": list(keys)}}
        case Updated(low, high):
            bounds = {"$gte": low, "$lte": high}
            return {layout.UPDATED: {operator: bound for operator, bound in bounds.items() if bound is not None}}


def _choice(parts: tuple[Expr, ...]) -> Filter:
    if not parts:
        return _NOTHING
    equal = [part.entry for part in parts if isinstance(part, Equals)]
    others = [_filter(part) for part in parts if not isinstance(part, Equals)]
    if not all(others):
        return {}
    others[:0] = entry.one_of(equal)
    return others[0] if len(others) == 1 else {"$or": others}


def _within(test: Within) -> Filter:
    """Narrow ranges and wide ones apart: what bounds one end of a narrow one bounds the other."""
    low_to = entry.least((test.low_to, test.high_to))
    reached = None if test.high_from is None else test.high_from - entry.width(test.key)
    low_from = entry.greatest((test.low_from, reached))
    high = (test.high_from, test.high_to)
    if test.begins:
        return entry.within(entry.beginning(test.key), (test.low_from, low_to), high, test.beside)
    narrow = entry.within(test.key, (low_from, low_to), high, test.beside)
    wide = entry.within(test.key + entry.WIDE, (test.low_from, low_to), high, test.beside)
    return {"$or": [narrow, wide]}

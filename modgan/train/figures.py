"""The metrics of a card as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modgan.train.chart import HUGE
from modgan.train.markup import Markup, joined, table, tag

Cells = dict[str, list[Any]]  # column -> its values, usually one


def figures(metrics: Sequence[Mapping[str, Any]]) -> Markup:
    """All metrics; those measured alike stand together under one line that says how."""
    alike: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in metrics:
        how = tuple(str(row.get(key, "")) for key in ("split", "n", "command"))
        alike.setdefault(how, []).append(row)
    return joined(_measured(how, rows) for how, rows in alike.items())


def _measured(how: tuple[str, ...], metrics: Sequence[Mapping[str, Any]]) -> Markup:
    """What was measured on the same pictures by the same command."""
    split, n, command = how
    plain = [(row["name"], row["value"]) for row in metrics if ", " not in row["name"]]
    tables = [table(("figure", "value"), [(k, rounded(v)) for k, v in plain], {1})]
    tables = tables if plain else []
    tables += [_crossed(rows) for rows in together(crossed(metrics))]
    by = [", ", tag("code", command)] if command else []
    return joined([tag("p", f"On {split}, n = {n}", *by, class_="soft"), *tables])


def crossed(metrics: Iterable[Mapping[str, Any]]) -> dict[str, Cells]:
    """{X: {Y: values}} of the metrics named "X, Y"."""
    rows: dict[str, Cells] = {}
    for row in metrics:
        name, comma, column = row["name"].partition(", ")
        if comma:
            rows.setdefault(name, {}).setdefault(column, []).append(row["value"])
    return rows


def together(rows: Mapping[str, Cells]) -> list[dict[str, Cells]]:
    """Tables of rows that share columns: one table of all would be mostly empty."""
    tables: list[dict[str, Cells]] = []
    for name, cells in rows.items():
        near = [t for t in tables if any(set(cells) & set(other) for other in t.values())]
        first = near[0] if near else {}
        for later in near[1:]:
            first.update(later)
            tables.remove(later)
        first[name] = cells
        if not near:
            tables.append(first)
    return tables


def _crossed(rows: Mapping[str, Cells]) -> Markup:
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    digits = {c: decimals(v for r in rows.values() for v in r.get(c, [])) for c in columns}
    lines = [
        (name, *(" / ".join(rounded(v, digits[c]) for v in cells.get(c, [])) for c in columns))
        for name, cells in rows.items()
    ]
    return table(("", *columns), lines, range(1, len(columns) + 1))


def decimals(values: Iterable[float]) -> int:
    """How many decimals a column needs so that its largest value has four digits."""
    sizes = [abs(value) for value in values if 0 < abs(value) < HUGE]
    return min(6, max(0, 3 - math.floor(math.log10(max(sizes))))) if sizes else 0


def rounded(value: float, digits: int | None = None) -> str:
    """A value with so many decimals; without, with four digits. No value becomes zero."""
    if not abs(value) < HUGE:  # also what is no number
        return str(value)
    if isinstance(value, int) and digits is None:
        return str(value)
    text = f"{value:.{decimals([value]) if digits is None else digits}f}"
    return text if float(text) or not value else f"{value:.2g}"

"""What is known about a zoo, and that as a page of text."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Card:
    """What is known about a zoo: licence of the weights, origin, figures, ready-made graphs."""

    licence: str
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    graphs: dict[str, list[str]] = field(default_factory=dict)

    def only(self, parts: Collection[str]) -> Card:
        """The card with those graphs whose parts are all among `parts`."""
        inside = {
            name: steps
            for name, steps in self.graphs.items()
            if all(step.partition(":")[0].strip() in parts for step in steps)
        }
        return replace(self, graphs=inside)

    def without_folders(self) -> Card:
        """The card with files and folders of the machine that wrote it by their last names."""
        return replace(self, provenance=_named(self.provenance))


def page(name: str, header: Mapping[str, Any]) -> str:
    """The header of a zoo file (`inspect`) as Markdown: the text beside released weights."""
    card = Card(**header["card"])
    parts = [f"| `{part}` | `{row['component']}` |" for part, row in header["parts"].items()]
    graphs = [f"- `{graph}`: `{json.dumps(steps)}`" for graph, steps in card.graphs.items()]
    lines = [
        f"# {name}",
        "",
        f"Licence of the weights: {card.licence}.",
        "",
        *_table("| part | component |", parts),
        *(["Graphs:", "", *graphs, ""] if graphs else []),
        *_figures(card.metrics),
        *_origin(card.provenance),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _figures(metrics: list[dict[str, Any]]) -> list[str]:
    """A table of the figures of every command."""
    lines = []
    for key, rows in groupby(metrics, key=lambda m: (m["command"], m["split"], m["n"])):
        command, split, n = key
        lines += [f"Of `{command}`, {split}, n = {n}:", ""]
        lines += _table("| what | value |", [f"| {m['name']} | {m['value']} |" for m in rows])
    return lines


def _origin(provenance: Mapping[str, Any]) -> list[str]:
    """Where parts come from; of merged zoos one after the other."""
    if "merged" in provenance:
        return [line for origin in provenance["merged"] for line in _origin(origin)]
    facts = {key: value for key, value in provenance.items() if key != "settings"}
    settings = provenance.get("settings", {})
    return [
        *_table("| origin | |", [f"| {key} | {_plain(value)} |" for key, value in facts.items()]),
        *_table("| setting | value |", [f"| {key} | {value} |" for key, value in settings.items()]),
    ]


def _table(head: str, rows: list[str]) -> list[str]:
    """A Markdown table and the empty line after it, or nothing without rows."""
    return [head, "|" + "---|" * (head.count("|") - 1), *rows, ""] if rows else []


def _plain(value: Any) -> str:
    """Nested values in one cell."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _named(value: Any) -> Any:
    """Whole paths, also within nested values, by their last name."""
    if isinstance(value, dict):
        return {key: _named(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name or value
    return value

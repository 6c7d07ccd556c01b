"""What is known about a zoo, and that as a page of text."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
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


def page(name: str, header: Mapping[str, Any]) -> str:
    """The header of a zoo file (`inspect`) as Markdown: the text beside released weights."""
    card = Card(**header["card"])
    parts = [f"| `{part}` | `{row['component']}` |" for part, row in header["parts"].items()]
    graphs = [f"- `{graph}`: `{json.dumps(steps)}`" for graph, steps in card.graphs.items()]
    origin = dict(card.provenance)
    settings = origin.pop("settings", {})
    lines = [
        f"# {name}",
        "",
        f"Licence of the weights: {card.licence}.",
        "",
        *_table("| part | component |", parts),
        *(["Graphs:", "", *graphs, ""] if graphs else []),
        *_table(
            "| what | value | split | n | command |",
            [
                f"| {m['name']} | {m['value']} | {m['split']} | {m['n']} | `{m['command']}` |"
                for m in card.metrics
            ],
        ),
        *_table("| origin | |", [f"| {key} | {_plain(value)} |" for key, value in origin.items()]),
        *_table("| setting | value |", [f"| {key} | {value} |" for key, value in settings.items()]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _table(head: str, rows: list[str]) -> list[str]:
    """A Markdown table and the empty line after it, or nothing without rows."""
    return [head, "|" + "---|" * (head.count("|") - 1), *rows, ""] if rows else []


def _plain(value: Any) -> str:
    """Nested values in one cell."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return str(value)

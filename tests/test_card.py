"""The card of a zoo as a page of text."""

from __future__ import annotations

from modgan.card import page

HEADER = {
    "format": 1,
    "parts": {"E": {"component": "conv_encoder", "config": {}}},
    "card": {
        "licence": "CC0-1.0",
        "provenance": {"recipe": "r.py", "versions": {"torch": "2"}, "settings": {"lr": 0.1}},
        "metrics": [{"name": "error", "value": 0.5, "split": "test", "n": 8, "command": "go"}],
        "graphs": {"copy": ["E", "R"]},
    },
}


def test_everything_in_the_header_is_on_the_page() -> None:
    lines = page("tiny", HEADER).splitlines()
    assert lines[0] == "# tiny"
    for line in (
        "Licence of the weights: CC0-1.0.",
        "| `E` | `conv_encoder` |",
        '- `copy`: `["E", "R"]`',
        "| error | 0.5 | test | 8 | `go` |",
        "| recipe | r.py |",
        "| versions | torch 2 |",
        "| lr | 0.1 |",
    ):
        assert line in lines


def test_a_short_card_is_a_short_page() -> None:
    short = {**HEADER, "card": {"licence": "MIT"}}
    assert page("tiny", short).splitlines()[4:] == [
        "| part | component |",
        "|---|---|",
        "| `E` | `conv_encoder` |",
    ]

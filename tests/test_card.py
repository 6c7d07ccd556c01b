"""The card of a zoo as a page of text."""

from __future__ import annotations

from typing import Any

from modgan.card import Card, page

HEADER: dict[str, Any] = {
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
        "Of `go`, test, n = 8:",
        "| error | 0.5 |",
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


def test_merged_zoos_have_an_origin_each() -> None:
    origins = [{"recipe": f"{n}.py", "settings": {"lr": n}} for n in (1, 2)]
    header = {**HEADER, "card": {"licence": "MIT", "provenance": {"merged": origins}}}
    lines = page("both", header).splitlines()
    for n in (1, 2):
        assert f"| recipe | {n}.py |" in lines and f"| lr | {n} |" in lines


def test_figures_of_other_pictures_have_another_table() -> None:
    row = HEADER["card"]["metrics"][0]
    metrics = [row, {**row, "name": "hue"}, {**row, "n": 9}]
    lines = page("tiny", {**HEADER, "card": {"licence": "MIT", "metrics": metrics}}).splitlines()
    assert [line for line in lines if line.startswith("Of ")] == [
        "Of `go`, test, n = 8:",
        "Of `go`, test, n = 9:",
    ]
    assert lines.count("| what | value |") == 2 and "| hue | 0.5 |" in lines


def test_a_card_tells_nothing_of_the_machine() -> None:
    settings = {"zoo": "/home/me/a.safetensors", "data": "", "runs": "runs/a"}
    told = Card("MIT", {"joins": "/home/me/a.safetensors", "settings": settings, "step": 2})
    assert told.without_folders().provenance == {
        "joins": "a.safetensors",
        "settings": {"zoo": "a.safetensors", "data": "", "runs": "runs/a"},
        "step": 2,
    }

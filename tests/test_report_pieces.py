"""What the page about a run is made of: charts, tables, numbers, text."""

from __future__ import annotations

import re

import pytest

from modgan.train.chart import FEW, MOST, chart, named, short, thinned, ticks
from modgan.train.figures import crossed, rounded, together
from modgan.train.markup import joined, markdown, tag
from modgan.train.records import speed, spent
from modgan.train.report import evenly, span


def test_rows_that_share_no_column_stand_in_tables_of_their_own() -> None:
    names = ("one, mean", "judge, hair", "two, mean", "mask, hair", "odd, last, word")
    rows = [{"name": name, "value": at} for at, name in enumerate(names)]
    assert together(crossed(rows)) == [
        {"one": {"mean": [0]}, "two": {"mean": [2]}},
        {"judge": {"hair": [1]}, "mask": {"hair": [3]}},
        {"odd": {"last, word": [4]}},
    ]


def test_tables_that_a_row_connects_become_one() -> None:
    rows = {"one": {"a": [1]}, "two": {"b": [2]}, "both": {"a": [3], "b": [4]}}
    assert together(rows) == [rows]


def test_thinning_keeps_means_and_ranges() -> None:
    points = [(step, float(step % 2)) for step in range(2 * MOST)]
    assert thinned(points)[:2] == [(0.5, 0.0, 0.5, 1.0), (2.5, 0.0, 0.5, 1.0)]
    assert thinned([(5, 2.0)]) == [(5, 2.0, 2.0, 2.0)]


def test_a_chart_draws_where_the_values_are() -> None:
    drawn = chart([(0, 0.0), (50, 10.0), (100, 5.0)], (0, 100), "words")
    assert 'points="46.0,138.0 173.0,8.0 300.0,73.0"' in drawn
    assert re.findall(">([^<]+)</text>", drawn) == [
        *("0", "2", "4", "6", "8", "10"),
        *("0", "20", "40", "60", "80", "100"),
    ]


def test_few_points_are_marked_and_many_are_not() -> None:
    points = [(step, float(step)) for step in range(FEW + 1)]
    assert chart(points[:FEW], (0, FEW), "words").count("<circle ") == FEW
    assert "<circle " not in chart(points, (0, FEW), "words")


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-320, 1e299])
def test_a_constant_lies_in_the_middle(value: float) -> None:
    assert 'cx="173.0" cy="73.0"' in chart([(5, value)], (5, 5), "words")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.3, 1.9, [0.5, 1, 1.5]),
        (50, 5200, [2000, 4000]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 2_000_000, 4_000_000], ["0", "2M", "4M"]),
        ([5000, 10_000], ["5k", "10k"]),
        ([0.1 * 3, 0.4], ["0.3", "0.4"]),
        ([1234.6, 1234.8], ["1234.6", "1234.8"]),
        ([-1e12, 1e12], ["-1e+12", "1e+12"]),
        ([], []),
    ],
)
def test_numbers_on_an_axis_are_short_and_differ(values: list[float], expected: list[str]) -> None:
    assert list(named(values).values()) == expected


def test_numbers_for_people() -> None:
    assert [short(v) for v in (0.123456, 12345.6, 1e-7, 1e9)] == [
        "0.1235",
        "12346",
        "1e-07",
        "1e+09",
    ]
    assert [rounded(v) for v in (5.0432, 0.00012345, 7, 12345.6)] == [
        "5.043",
        "0.000123",
        "7",
        "12346",
    ]
    assert [rounded(v, 2) for v in (0.001, -0.0004, 0.0, 3)] == ["0.001", "-0.0004", "0.00", "3.00"]
    assert [span(s) for s in (-1, 89, 600, 7500, 200_000)] == [
        *("0 s", "89 s", "10 min", "2 h 5 min", "2 d 8 h")
    ]
    assert evenly([1, 2, 3, 4, 5, 6, 7], 3) == [1, 4, 7]


def test_time_is_added_up_over_starts() -> None:
    clock = [(10, 5.0), (20, 10.0), (30, 4.0), (40, 8.0), (40, 30.0), (50, 34.0), (60, 2.0)]
    rows = [{"step": step, "seconds": seconds} for step, seconds in clock]
    assert spent(rows) == (46.0, 3)
    assert speed(rows) == pytest.approx(0.4)
    assert (spent([]), speed(rows[:1])) == ((0, 0), None)


def test_the_plan_keeps_its_tables_and_words() -> None:
    page = markdown("# What\n\nfirst\n  second\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\nlast\n")
    assert page.startswith("<h3>What</h3><pre>first\n  second</pre>")
    assert re.findall("<t[hd][ >][^<]*?>?([^<>]+)</t[hd]>", page) == ["a", "b", "1", "2"]
    assert page.endswith("<pre>last</pre>")
    assert markdown("") == ""


def test_columns_of_the_plan_stand_as_they_say_and_keep_their_bars() -> None:
    page = markdown("| label | all |\n|---|--:|\n| a\\|b | 1,200 |\n| - | - |\n|  | 7 |\n")
    assert re.findall(r"<t[hd]([^>]*)>([^<]*)</t[hd]>", page) == [
        (' scope="col"', "label"),
        (' scope="col" class="number"', "all"),
        (' scope="row"', "a|b"),
        (' class="number"', "1,200"),
        (' scope="row"', "-"),
        (' class="number"', "-"),
        (' scope="row"', ""),
        (' class="number"', "7"),
    ]
    assert markdown("| alone |") == markdown("|alone|\n|---|")


def test_text_is_escaped_and_markup_is_not() -> None:
    assert tag("p", "a<b", tag("b", "&"), class_='"') == '<p class="&quot;">a&lt;b<b>&amp;</b></p>'
    assert joined(["<", tag("img", src="x")]) == '&lt;<img src="x">'

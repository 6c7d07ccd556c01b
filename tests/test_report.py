"""The page about a run: what it says of whole, unfinished, old and damaged folders."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modgan.cli import main
from modgan.component import Component
from modgan.data.images import DataError
from modgan.train.chart import MOST
from modgan.train.markup import VOID
from modgan.train.records import read_rows
from modgan.train.report import report
from modgan.zoo import Card, Zoo

HOW = {"split": "test", "n": 300, "command": "modgan train recipes/faces.py"}
Capture = pytest.CaptureFixture[str]


def log(run: Path, rows: list[dict[str, float]], end: str = "") -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + end)


def losses(steps: range, each: float = 0.1) -> list[dict[str, float]]:
    return [{"step": s, "seconds": s * each, "G/image": 1 / s, "D/fake": 0.5} for s in steps]


def settings(run: Path, **values: Any) -> None:
    run.mkdir(parents=True, exist_ok=True)
    (run / "settings.json").write_text(json.dumps(values))


def zoo(path: Path, parts: dict[str, Component], metrics: list[dict[str, Any]]) -> None:
    origin = {
        "recipe": "recipes/faces.py",
        "step": 100,
        "data": "drawn faces",
        "versions": {"torch": "2.9"},
    }
    Zoo(parts, Card("CC0-1.0", origin, metrics, {"edit": ["E", "T_hair", "R"]})).save(path)


def sheet(path: Path, size: tuple[int, int] = (40, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a log of 100 of 200 steps and nothing else."""
    folder = tmp_path / "first"
    settings(folder, steps=200, lr=0.0007, data="faces/", licence="CC0-1.0")
    log(folder, losses(range(10, 101, 10)))
    return folder


class _Page(HTMLParser):
    """Checks that elements nest, and collects the text outside <style> by its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.open else ""


def text(run: Path) -> str:
    return _Page(report(run)).text


def test_facts_of_a_run_that_goes_on(run: Path) -> None:
    os.utime(run / "log.jsonl", (time.time() - 7200, time.time() - 7200))
    said = text(run)
    assert "at step 100 of 200 (50 %); the log last grew 2 h 0 min before this page" in said
    assert "10 s in all; 100 ms per step of late; about 10 s for the steps that are left" in said
    assert "datafaces/" in said
    assert "licenceCC0-1.0" in said
    assert "recipenot known" in said
    missing = [
        "No sample sheets so far.",
        "No zoo file so far.",
        "No zoo file with figures so far.",
    ]
    for line in [*missing, "This run has no plan.md.", "No state so far."]:
        assert line in said


def test_facts_of_a_finished_run(run: Path, parts: dict[str, Component]) -> None:
    settings(run, steps=100)
    zoo(run / "faces.safetensors", parts, [])
    said = text(run)
    assert said.startswith("\nfaces: first\nfacesRun first, as it was on 20")
    assert "finished: 100 of 100 steps" in said
    assert "for the steps that are left" not in said
    assert "reciperecipes/faces.py" in said
    assert "datadrawn faces" in said
    assert "versionstorch 2.9" in said


def test_a_run_of_which_only_one_file_is_there(tmp_path: Path) -> None:
    log(tmp_path / "log", losses(range(1, 4)))
    assert "at step 3, of how many is not known" in text(tmp_path / "log")
    assert "No settings.json so far." in text(tmp_path / "log")
    settings(tmp_path / "settings", steps=5)
    assert "at step 0 of 5 (0 %); nothing logged yet" in text(tmp_path / "settings")
    log(tmp_path / "empty", [])
    assert "Nothing logged yet." in text(tmp_path / "empty")


def test_the_page_asks_for_nothing_and_runs_nothing(run: Path, parts: dict[str, Component]) -> None:
    evil = "<script>alert(1)</script>"
    settings(run, steps=200, data=evil, half="\ud800", **{evil: [evil]})
    log(run, [{"step": 1, "seconds": 1.0, f"{evil}/{evil}": 1.0, f"metric/{evil}": 2.0}])
    (run / "plan.md").write_text(f"# {evil}\n{evil}\n\n| a | {evil} |\n|---|---|\n| {evil} | b |\n")
    row = {"name": f"{evil}, {evil}", "value": 1.0, **HOW, "split": evil, "command": evil}
    graphs = {evil: [evil]}
    Zoo(parts, Card(evil, {"recipe": evil, "versions": {evil: evil}}, [row], graphs)).save(
        run / "script>.safetensors"  # as the recipe's file would be called
    )
    sheet(run / "samples/000001.png")
    (run / evil.replace("/", "")).mkdir()
    settings(run / evil.replace("/", ""), steps=1)
    page = _Page(report(run))
    assert "script" not in page.names
    assert page.text.count(evil) >= 15
    assert "\\ud800" in page.text
    assert all(re.match(r"#\w+$|data:image/png;base64,", link) for link in page.links)
    assert "default-src 'none'" in report(run)


def test_figures_are_crossed(run: Path, parts: dict[str, Component]) -> None:
    names = ("hair, error", "hair, spread", "smile, error", "smile, spread", "mean error")
    values = (12.345, 0.5, 2, 0.25, 0.012345)
    rows = [{"name": k, "value": v, **HOW} for k, v in zip(names, values, strict=True)]
    zoo(run / "faces.safetensors", parts, rows)
    page = report(run)
    assert page.count("On test, n = 300, ") == 1
    cells = re.findall(r"<(?:td|th)[^>]*>([^<]*)</", page.split('id="figures"')[1])
    assert cells[:10] == [
        *("figure", "value", "mean error", "0.01235"),
        *("", "error", "spread", "hair", "12.35", "0.5000"),
    ]
    assert cells[10:13] == ["smile", "2.00", "0.2500"]


def test_figures_measured_differently_say_so(run: Path, parts: dict[str, Component]) -> None:
    rows = [{"name": "error", "value": at, **HOW, "n": at} for at in (10, 20)]
    zoo(run / "faces.safetensors", parts, rows)
    assert "On test, n = 10, " in text(run)
    assert "On test, n = 20, " in text(run)


def test_parts_and_wirings_once_and_the_best_after(run: Path, parts: dict[str, Component]) -> None:
    zoo(run / "faces-best.safetensors", parts, [{"name": "error", "value": 1, **HOW}])
    zoo(run / "faces.safetensors", parts, [])
    said = text(run)
    assert "faces.safetensors, step 100partcomponentlabels" in said
    assert "T_hairresidual_transformerblack, blond, red" in said
    assert "editE → T_hair → R" in said
    assert "faces-best.safetensors, step 100The same parts and wirings." in said


def test_a_zoo_of_other_origin_is_left_out(run: Path, parts: dict[str, Component]) -> None:
    zoo(run / "another.safetensors", parts, [{"name": "theirs", "value": 1, **HOW}])
    said = text(run)
    assert "another.safetensors is not named after its recipe, so left out here." in said
    assert "recipenot known" in said
    assert "theirs" not in said
    zoo(run / "faces-best.safetensors", parts, [{"name": "ours", "value": 1, **HOW}])
    assert "reciperecipes/faces.py" in text(run)
    assert "ours" in text(run)


def test_a_damaged_zoo_is_named_and_the_rest_is_shown(run: Path) -> None:
    (run / "faces.safetensors").write_bytes(b"not a zoo")
    (run / ".writing.faces.x.safetensors").write_bytes(b"half")
    (run / "folder.safetensors").mkdir()
    said = text(run)
    assert f"Cannot be read: {run}/faces.safetensors: not a whole safetensors file" in said
    assert ".writing" not in said
    assert "folder.safetensors" not in said
    assert "at step 100 of 200" in said


def test_values_that_overflow_do_not_kill_the_page(run: Path, parts: dict[str, Component]) -> None:
    values = (10**400, float("inf"), float("nan"), 1e-320, 0)
    rows = [{"name": f"a, {at}", "value": v, **HOW} for at, v in enumerate(values)]
    zoo(run / "faces.safetensors", parts, rows)
    log(run, [{"step": s, "seconds": s, "G/a": v, "G/b": 1e-320} for s, v in enumerate(values[1:])])
    assert "not finite: 2" in text(run)
    assert "inf" in text(run)


def test_samples_are_inside(run: Path) -> None:
    for step in range(1, 14):
        sheet(run / f"samples/{step:06d}.png", (2000, 1000) if step == 13 else (40, 30))
    (run / "samples/notes.png").write_text("not a sheet")
    page = report(run)
    shown = re.findall(r'<img src="data:image/(\w+);base64,([^"]*)" alt="([^"]*)"', page)
    assert b64decode(shown[0][1]) == (run / "samples/000013.png").read_bytes()
    assert shown[0][2] == "Samples of the averaged parts at step 13"
    assert {kind for kind, _, _ in shown[1:]} == {"jpeg"}
    assert [alt.split()[-1] for _, _, alt in shown[1:]] == ["1", "3", "6", "8", "11", "13"]
    assert "too large" not in page
    assert "Development: 6 of 13 sheets<" in page
    assert page.count('class="pixels"') == 5  # the small ones are enlarged by whole factors
    assert 'class="pixels" width="760"' in page


def test_a_sheet_that_cannot_be_read_is_named(run: Path) -> None:
    sheet(run / "samples/000001.png")
    (run / "samples/000002.png").write_bytes((run / "samples/000001.png").read_bytes()[:60])
    assert "Step 2 cannot be shown: " in text(run)
    assert "step 1" in text(run)


def test_a_large_sheet_of_noise_stays_small(run: Path) -> None:
    (run / "samples").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1200, 3), dtype=np.uint8)
    for step in range(1, 8):
        Image.fromarray(noise).save(run / f"samples/{step:06d}.png", compress_level=0)
    page = report(run)
    assert len(page) < 5_000_000
    assert "data:image/png" not in page
    assert page.count("step 7; too large for this page as it is, see samples/000007.png<") == 1


def test_curves_by_phase_and_figures_first(run: Path) -> None:
    rows = [*losses(range(10, 31, 10)), {"step": 30, "seconds": 4.0, "metric/error %": 2.5}]
    log(run, rows, end='{"step": 40, "seco')
    page = report(run)
    headings = re.findall("<h3>([^<]*)</h3>", page)
    assert headings == ["Figures followed, lower is better", "Phase G", "Phase D"]
    assert 'aria-label="G/image over steps 10 to 30: last 0.03333, range 0.03333 to 0.1"' in page
    assert "error % last 2.5, range 2.5 to 2.5" in text(run)


def test_thousands_of_rows_are_thinned(run: Path) -> None:
    log(run, losses(range(1, 5001)))
    page = report(run)
    assert len(page) < 60_000
    line = re.search('<polyline points="([^"]*)"', page)
    assert line
    assert len(line.group(1).split()) == MOST
    assert page.count('class="band"') == 2
    assert "Where there is a band, it is the range of neighbouring rows, the line" in page


def test_states_and_runs_inside_are_named(run: Path) -> None:
    (run / "checkpoints").mkdir()
    for name in ("00000050.pt", "00000100.pt", "best.pt"):
        (run / "checkpoints" / name).write_bytes(b"never read")
    log(run / "judge", losses(range(1, 3)))
    said = text(run)
    assert "It can be resumed from step 50 or 100." in said
    assert "kept in checkpoints/best.pt" in said
    assert "The folder judge holds a run of its own: modgan report first/judge" in said


def test_the_command_writes_the_page_beside_the_run_or_elsewhere(
    run: Path, capsys: Capture
) -> None:
    assert main(["report", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}/report.html\n"
    assert "at step 100 of 200" in (run / "report.html").read_text()
    assert main(["report", str(run), "-o", str(run / "pages/a.html")]) == 0
    assert (run / "pages/a.html").is_file()


def test_folders_without_a_run_are_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert main(["report", str(tmp_path)]) == 2
    none, empty = capsys.readouterr().err.splitlines()
    assert none == f"modgan report: {tmp_path}/none: no such folder; give the folder of a run"
    assert empty == (
        f"modgan report: {tmp_path}: holds no run, neither settings.json nor log.jsonl; "
        "give the folder that holds them"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"step": 2, "sec', "Unterminated string"),
        ("[]", "it has no whole number of steps"),
        ('{"seconds": 1}', "it has no whole number of steps"),
        ('{"step": 2, "G/a": "x"}', "could not convert string to float"),
        ('{"step": 2, "G/a": null}', "float"),
        ('{"step": 2, "seconds": NaN}', "its seconds are nan"),
        ('{"step": 1' + "0" * 400 + "}", "too large"),
    ],
)
def test_a_damaged_line_is_named(run: Path, line: str, problem: str) -> None:
    log(run, losses(range(1, 2)), end=f"{line}\n" + '{"step": 3, "seconds": 1}\n')
    with pytest.raises(DataError, match=f"log.jsonl, line 2: is no row of a log: .*{problem}"):
        report(run)
    assert len(read_rows(run.parent / "nowhere")) == 0


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "is no JSON"), ("[1]", "expected the settings by name")]
)
def test_damaged_settings_are_named(run: Path, content: str, problem: str) -> None:
    (run / "settings.json").write_text(content)
    with pytest.raises(DataError, match=f"settings.json: {problem}"):
        report(run)

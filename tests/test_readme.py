"""What the README says works as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import torch
from PIL import Image

from modgan.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def command(kind: str) -> str:
    found = re.search(rf"<!-- {kind} command -->\n```\n(.+)\n```", README)
    assert found, kind
    return found[1]


def test_all_lines_of_python_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.+?)```", README, re.S)
    assert blocks
    for folder in ("docs", "benchmarks"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    for written in ("edited.png", "three.png", "coloured.png", "smiling.png", "bird.png"):
        with Image.open(written) as picture:
            assert picture.size == (64, 64)
    assert "T_smile: feature smile -> feature mask_smile" in capsys.readouterr().out
    tensors = names["tensors"]
    assert isinstance(tensors, dict) and tensors["mask_hair"].shape == (1, 1, 16, 16)
    assert isinstance(tensors["image"], torch.Tensor) and tensors["image"].requires_grad


def test_the_main_command_edits_a_portrait(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    setup, edit = command("main").rsplit(" && ", 1)
    assert setup.startswith("python3 -m venv .venv && .venv/bin/pip install")
    words = shlex.split(edit)
    assert words[0] == ".venv/bin/modgan"
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    assert main(words[1:]) == 0
    with Image.open("edited.png") as edited:
        assert edited.width > 5 * 128  # input, edit and three masks
    capfd.readouterr()


def test_the_test_command_is_what_ci_runs() -> None:
    assert command("test").endswith(".venv/bin/pytest -q")
    assert "<!-- test command -->" in (ROOT / ".ci/run").read_text()


def test_files_that_the_readme_links_exist() -> None:
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target.partition("#")[0]).exists(), target

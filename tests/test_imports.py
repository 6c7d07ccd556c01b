"""Who may import whom: only upward in one list, and nothing by surprise."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = (
    "spec files card layers losses component data components graph zoo metrics train convert cli"
).split()
FILES = sorted((ROOT / "modgan").rglob("*.py"))
MODULES = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in FILES}


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def package(path: Path) -> str:
    """The entry of ORDER that a file belongs to."""
    return path.relative_to(ROOT / "modgan").parts[0].removesuffix(".py")


INSIDE = [path for path in FILES if path != ROOT / "modgan/__init__.py"]


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_only_upward(path: Path) -> None:
    here = package(path)
    assert here in ORDER, f"say in ORDER where {here} stands"
    wrong = []
    for line, name in imported(path):
        if name.split(".")[0] == "modgan":
            there = name.split(".")[1]
            if there not in ORDER or ORDER.index(there) > ORDER.index(here):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong


def test_graphs_know_no_components_and_components_no_graphs() -> None:
    for path in INSIDE:
        names = {name.split(".")[1] for _, name in imported(path) if name.startswith("modgan.")}
        if package(path) in ("graph", "zoo"):
            assert "components" not in names, path
        if package(path) == "components":
            assert not names & {"graph", "zoo", "train"}, path


def test_the_library_never_imports_recipes() -> None:
    for path in FILES:
        assert not [name for _, name in imported(path) if name.split(".")[0] == "recipes"], path


def test_recipes_use_only_what_exists() -> None:
    for path in sorted((ROOT / "recipes").glob("*.py")):
        for line, name in imported(path):
            if name.split(".")[0] == "modgan":
                known = {name, name.rpartition(".")[0]} & (MODULES | {"modgan"})
                init = f"{name.rpartition('.')[0]}.__init__" in MODULES
                assert known or init, f"{path}:{line} imports {name}"


CHECK = """
import sys, modgan
extras = {"matplotlib", "torchvision", "torchmetrics", "tensorboard", "onnx", "huggingface_hub"}
found = sorted(extras & set(sys.modules))
print(found, "recipes" in sys.modules, len(modgan.list_components()) > 5)
"""


def test_importing_leaves_no_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHECK],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[] False True\n", "")
    assert not list(tmp_path.iterdir())

"""The sizes and promises of the source: small files, small functions, typed, documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "modgan").rglob("*.py")), *sorted((ROOT / "recipes").rglob("*.py"))]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
OVERRIDES = {"forward", "extra_repr"}  # torch says what they do; ports and formula are on the class

every = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, Function)]


def place(path: Path, node: ast.AST, name: str) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {name}"


def public(body: list[ast.stmt]) -> Iterator[Documented]:
    """Public classes, functions and methods, not those inside functions."""
    for node in body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


@pytest.mark.parametrize(
    "path",
    [*FILES, *sorted((ROOT / "benchmarks").glob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_are_at_most_400_lines_of_100(path: Path) -> None:
    lines = [line.partition("  # type: ignore")[0] for line in path.read_text().splitlines()]
    assert len(lines) <= 400, f"{path}: {len(lines)} lines"
    long = [f"{path.relative_to(ROOT)}:{n}" for n, line in enumerate(lines, 1) if len(line) > 100]
    assert not long


@every
def test_functions_are_at_most_60_lines_and_8_arguments(path: Path) -> None:
    wrong = []
    for node in functions(path):
        first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        length = (node.end_lineno or first) - first + 1
        given = node.args
        count = len([*given.posonlyargs, *given.args, *given.kwonlyargs])
        count -= bool(given.args) and given.args[0].arg in ("self", "cls")
        if length > 60 or count > 8:
            wrong.append(place(path, node, f"{node.name}: {length} lines, {count} arguments"))
    assert not wrong


@every
def test_functions_are_annotated(path: Path) -> None:
    wrong = []
    for node in functions(path):
        if node.name.startswith("_") and not node.name.startswith("__"):
            continue
        given = node.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        bare = [a.arg for a in named if a and not a.annotation and a.arg not in ("self", "cls")]
        if bare or node.returns is None:
            wrong.append(place(path, node, f"{node.name}({', '.join(bare)})"))
    assert not wrong


@every
def test_what_is_public_says_what_it_is(path: Path) -> None:
    module = tree(path)
    silent = [] if ast.get_docstring(module) or not module.body else [place(path, module, "module")]
    silent += [
        place(path, node, node.name)
        for node in public(module.body)
        if not ast.get_docstring(node) and node.name not in OVERRIDES
    ]
    assert not silent


def test_no_module_is_called_after_nothing() -> None:
    vague = {"utils", "util", "common", "base", "helpers", "misc"}
    assert not [path for path in FILES if path.stem in vague]


@every
def test_nothing_is_caught_blindly(path: Path) -> None:
    wrong = [
        place(path, node, ast.unparse(node.type) if node.type else "bare except")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]
    assert not wrong

"""A built wheel brings its weights and recipes along; a checkout has them beside the package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modgan.zoo import released

ROOT = Path(__file__).parents[1]


def test_a_checkout_has_the_weights_beside_the_package() -> None:
    assert {path.parent for path in released().values()} == {ROOT / "weights"}


@pytest.mark.slow
def test_a_wheel_has_the_weights_inside_the_package(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(pip, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    code = "import modgan; print(modgan.compose(['E', 'T_hair', 'R'])); print(modgan.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "T_hair: feature hair -> feature mask_hair" in run.stdout
    assert str(tmp_path / "site") in run.stdout
    assert (tmp_path / "site/modgan/_recipes/modulargan_portraits.py").is_file()
    assert (tmp_path / "site/modgan/py.typed").is_file()

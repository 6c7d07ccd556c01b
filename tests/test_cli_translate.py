"""`modgan translate`: every graph between domains, styles given, read or sampled; its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from test_recipes import recipe_of
from test_translation import settings_of

import modgan
from modgan.cli import main


def zoo_of(name: str, folder: Path) -> str:
    """The file of an untrained zoo of a recipe."""
    torch.manual_seed(0)
    recipe, settings = recipe_of(name), settings_of(name)
    path = folder / f"{name}.safetensors"
    parts = {key: part for key, part in recipe.parts(settings).items() if key[0] != "D"}
    modgan.Zoo(parts, recipe.card(settings)).save(path)
    return str(path)


def picture(path: Path, colour: str, size: tuple[int, int] = (40, 32)) -> str:
    Image.new("RGB", size, colour).save(path)
    return str(path)


@pytest.fixture
def given(tmp_path: Path) -> dict[str, str]:
    return {
        "zoo": zoo_of("munit", tmp_path),
        "sketch": picture(tmp_path / "sketch.png", "white"),
        "guide": picture(tmp_path / "guide.png", "orange"),
        "out": str(tmp_path / "out.png"),
    }


def translate(given: dict[str, str], *flags: str) -> int:
    return main(["translate", given["sketch"], "--zoo", given["zoo"], "-o", given["out"], *flags])


def test_the_picture_is_what_the_graph_makes(given: dict[str, str]) -> None:
    graph = modgan.load(given["zoo"]).graph("sketch_to_picture")
    for flags, seed in ((["--seed", "7"], 7), ([], 0)):
        assert translate(given, "--graph", "sketch_to_picture", *flags) == 0
        wanted = graph.apply(image=given["sketch"], style=seed)["image"]
        assert Image.open(given["out"]).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", ["sketch_to_picture", "sketch_to_picture_guided"])
def test_a_guide_gives_the_style(given: dict[str, str], name: str) -> None:
    assert translate(given, "--graph", name, "--guide", given["guide"]) == 0
    graph = modgan.load(given["zoo"]).graph("sketch_to_picture_guided")
    wanted = graph.apply(image=given["sketch"], guide=given["guide"])["image"]
    assert Image.open(given["out"]).tobytes() == wanted.tobytes()


def test_a_folder_is_translated_and_what_cannot_be_read_is_named(
    given: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name, "grey", (20, 50))
    (tmp_path / "in" / "c.png").write_bytes(b"no picture")
    flags = ["--zoo", given["zoo"], "--graph", "picture_to_sketch", "-o", str(tmp_path / "made")]
    assert main(["translate", str(tmp_path / "in"), *flags]) == 1
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["a.png", "b.png"]
    said = capsys.readouterr()
    assert "2 of 3 translated" in said.out and "modgan translate: " in said.err
    assert "c.png" in said.err


def test_a_zoo_whose_graph_takes_labels(given: dict[str, str], tmp_path: Path) -> None:
    given["zoo"] = zoo_of("stargan", tmp_path)
    assert translate(given, "--graph", "to_domain", "--set", "domain=picture") == 0
    graph = modgan.load(given["zoo"]).graph("to_domain")
    wanted = graph.apply(image=given["sketch"], domain="picture")["image"]
    assert Image.open(given["out"]).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--graph", "sketch_to_photo"], "no graph named 'sketch_to_photo'"),
        (["--graph", "sketch_to_picture_guided"], "takes its style from a picture: pass --guide"),
        (
            ["--graph", "sketch_to_picture", "--guide", "GUIDE", "--seed", "1"],
            "--seed 1: graph sketch_to_picture_guided samples nothing; leave it out",
        ),
        (["--graph", "sketch_to_picture", "--guide", "none.png"], "none.png"),
        (["--graph", "sketch_to_picture", "--set", "hair=red"], "no input named 'hair'"),
    ],
)
def test_mistakes_are_said_and_nothing_is_written(
    given: dict[str, str], capsys: pytest.CaptureFixture[str], flags: list[str], message: str
) -> None:
    flags = [given["guide"] if flag == "GUIDE" else flag for flag in flags]
    assert translate(given, *flags) == 2
    assert message in capsys.readouterr().err
    assert not Path(given["out"]).exists()


def test_a_guide_where_none_is_taken(
    given: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given["zoo"] = zoo_of("unit", tmp_path)
    assert translate(given, "--graph", "sketch_to_picture", "--guide", given["guide"]) == 2
    assert "graph sketch_to_picture takes none; leave it out" in capsys.readouterr().err


def test_the_guide_is_never_overwritten(
    given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path(given["guide"]).read_bytes()
    given["out"] = given["guide"]
    assert translate(given, "--graph", "sketch_to_picture", "--guide", given["guide"]) == 2
    assert "would overwrite the guide" in capsys.readouterr().err
    assert Path(given["guide"]).read_bytes() == before

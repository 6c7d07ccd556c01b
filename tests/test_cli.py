"""The `modgan` command, in process, on a tiny zoo."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modgan.cli import main
from modgan.data.images import fit, open_image, sheet
from modgan.zoo import Zoo, compose, load

SIZE = 16
Capture = pytest.CaptureFixture[str]


def pixels(path: Path) -> bytes:
    return open_image(path).tobytes()


def portrait(path: Path, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Path:
    values = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def face(tmp_path: Path) -> Path:
    return portrait(tmp_path / "in/face.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, name in enumerate(("b.png", "a.jpg", "C.PNG")):
        portrait(tmp_path / "faces" / name, seed)
    (tmp_path / "faces/notes.txt").write_text("not a picture, and not meant to be one")
    return tmp_path / "faces"


def edit(zoo: Path, *arguments: str | Path) -> int:
    return main(["edit", *map(str, arguments), "--zoo", str(zoo)])


def refused(capsys: Capture, zoo: Path, *arguments: str | Path) -> str:
    """The one message of an edit that is refused as a whole."""
    assert edit(zoo, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("modgan edit: ") and "Traceback" not in err
    return err.removeprefix("modgan edit: ").rstrip("\n")


# edit


def test_edit_one_picture(face: Path, zoo_path: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new/red.png"
    assert edit(zoo_path, face, "--set", "hair=red", "--set", "smile=yes", "-o", out) == 0
    assert capsys.readouterr().out == f"1 of 1 edited: {out}\n"
    graph = compose(["E", "T_hair", "T_smile", "R"], zoo_path)
    expected = graph.apply(image=face, hair="red", smile="yes")["image"]
    assert pixels(out) == expected.tobytes()
    assert [path.name for path in out.parent.iterdir()] == ["red.png"]


def test_edit_follows_the_order(face: Path, zoo_path: Path, tmp_path: Path) -> None:
    sets = ("--set", "hair=red", "--set", "smile=yes")
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    assert edit(zoo_path, face, *sets, "-o", first) == 0
    assert edit(zoo_path, face, *sets, "--order", "smile,hair", "-o", second) == 0
    turned = compose(["E", "T_smile", "T_hair", "R"], zoo_path)
    expected = turned.apply(image=face, hair="red", smile="yes")["image"]
    assert pixels(second) == expected.tobytes()
    straight = compose(["E", "T_hair", "T_smile", "R"], zoo_path)
    expected = straight.apply(image=face, hair="red", smile="yes")["image"]
    assert pixels(first) == expected.tobytes()


def test_edit_shows_masks(face: Path, zoo_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.png"
    assert edit(zoo_path, face, "--set", "hair=red", "--set", "beard=no", "--masks", "-o", out) == 0
    graph = compose(["E", "T_hair", "T_beard", "R"], zoo_path)
    made = graph.apply(image=face, hair="red", beard="no")
    masks = [made[name].resize((SIZE, SIZE)) for name in ("mask_hair", "mask_beard")]
    row = [fit(open_image(face), SIZE), made["image"], *masks]
    page = sheet([row], ["input", "edit", "hair", "beard"], scale=2)
    assert pixels(out) == page.tobytes()


def test_edit_a_folder(folder: Path, zoo_path: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert edit(zoo_path, folder, "--set", "hair=red", "-o", out) == 0
    assert capsys.readouterr().out == f"3 of 3 edited: {out}\n"
    assert sorted(path.name for path in out.iterdir()) == ["C.png", "a.png", "b.png"]
    graph = compose(["E", "T_hair", "R"], zoo_path)
    expected = graph.apply(image=folder / "a.jpg", hair="red")["image"]
    assert pixels(out / "a.png") == expected.tobytes()


def test_unreadable_pictures_are_named_at_the_end(
    folder: Path, zoo_path: Path, tmp_path: Path, capsys: Capture
) -> None:
    (folder / "aa.png").write_text("damaged")
    out, missing = tmp_path / "out.d", folder / "z.png"
    out.mkdir()
    assert edit(zoo_path, folder, missing, "--set", "hair=red", "-o", out) == 1
    printed = capsys.readouterr()
    assert printed.out == f"3 of 5 edited: {out}\n"
    lines = [line for line in printed.err.splitlines() if line.startswith("modgan edit: ")]
    assert re.match(r".*/aa.png: cannot be read as a picture", lines[0])
    assert lines[1].endswith("/z.png: no such file; check the path")
    assert sorted(path.name for path in out.iterdir()) == ["C.png", "a.png", "b.png"]


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (
            ["hiar=red"],
            "no attribute to edit named 'hiar'.\n  did you mean 'hair'?\n  known: hair, s",
        ),
        (["hair=rde"], "no label of 'hair' named 'rde'.\n  did you mean 'red'?\n  known: black, b"),
        (["hair"], "--set hair: expects NAME=LABEL, once for each name"),
        (["hair="], "--set hair=: expects NAME=LABEL"),
        (["=red"], "--set =red: expects NAME=LABEL"),
        (["hair=red", "hair=black"], "--set hair=black: expects NAME=LABEL, once for each name"),
    ],
)
def test_edits_that_do_not_exist(
    face: Path, zoo_path: Path, tmp_path: Path, capsys: Capture, sets: list[str], text: str
) -> None:
    flags = [flag for value in sets for flag in ("--set", value)]
    out = tmp_path / "new.png"
    assert refused(capsys, zoo_path, face, *flags, "-o", out).startswith(text)
    assert not out.exists()


@pytest.mark.parametrize("order", ["hair", "hair,smile,smile", "hair,beard", "smile hair"])
def test_an_order_names_each_edit_once(
    face: Path, zoo_path: Path, tmp_path: Path, capsys: Capture, order: str
) -> None:
    flags = ("--set", "hair=red", "--set", "smile=no", "--order", order, "-o", tmp_path / "x.png")
    text = refused(capsys, zoo_path, face, *flags)
    assert text == f"--order {order}: expects each of hair, smile exactly once"


def test_places_that_cannot_take_the_result(
    face: Path, folder: Path, zoo_path: Path, tmp_path: Path, capsys: Capture
) -> None:
    hair = ("--set", "hair=red")
    text = refused(capsys, zoo_path, folder, *hair, "-o", tmp_path / "one.png")
    assert text.endswith("one.png: 3 pictures need a folder, not a file")
    shutil.copy(folder / "b.png", folder / "a.png")
    text = refused(capsys, zoo_path, folder, *hair, "-o", tmp_path / "out")
    assert text.endswith("out: several pictures would become a.png")
    text = refused(capsys, zoo_path, face, *hair, "-o", tmp_path / "x.txt")
    assert re.search(r"x.txt: expects a picture, one of .bmp, .gif, .jpeg", text)
    before = face.read_bytes()
    for out in (face, face.parent):
        text = refused(capsys, zoo_path, face, *hair, "-o", out)
        assert re.search("would overwrite .*face.png: choose another place", text)
    assert face.read_bytes() == before
    (tmp_path / "empty").mkdir()
    text = refused(capsys, zoo_path, tmp_path / "empty", *hair, "-o", tmp_path / "out")
    assert re.search(r"empty: a folder without pictures \(.bmp", text)


def test_a_missing_folder_is_named(zoo_path: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "out"
    assert edit(zoo_path, tmp_path / "nowhere", "--set", "hair=red", "-o", out) == 1
    printed = capsys.readouterr()
    assert printed.err.endswith("nowhere: no such file; check the path\n")
    assert printed.out == f"0 of 1 edited: {out}\n" and not out.exists()


def test_zoos_that_cannot_edit(face: Path, zoo: Zoo, tmp_path: Path, capsys: Capture) -> None:
    flags = ("--set", "hair=red", "-o", tmp_path / "x.png")
    text = refused(capsys, tmp_path / "none.safetensors", face, *flags)
    assert text.startswith("no file or released zoo named")
    text = refused(capsys, face, face, *flags)
    assert re.search("face.png: not a whole safetensors file", text)
    half = Zoo({name: part for name, part in zoo.items() if name != "R"}, zoo.card)
    half.save(tmp_path / "half.safetensors")
    text = refused(capsys, tmp_path / "half.safetensors", face, *flags)
    assert text.startswith("no part named 'R'.")


def test_arguments_are_checked(face: Path, zoo_path: Path, capsys: Capture) -> None:
    for arguments, text in (
        ([], "the following arguments are required: command"),
        (["edit", str(face), "-o", "x.png"], "the following arguments are required: --set"),
        (["info", str(zoo_path), "--deep"], "unknown arguments: --deep"),
        (["paint"], "invalid choice: 'paint'"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert text in capsys.readouterr().err


# list and info


def test_list_names_released_zoos(
    zoo_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modgan.cli.released", lambda: {"tiny": zoo_path})
    assert main(["list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "tiny: E, T_hair, T_smile, T_beard, R",
        "  edit: E, T_hair, T_smile, R",
        "  copy: E, R",
    ]


def test_info_shows_parts_wirings_and_card(zoo_path: Path, capsys: Capture) -> None:
    assert main(["info", str(zoo_path)]) == 0
    text = capsys.readouterr().out
    zoo = load(zoo_path)
    assert text.startswith(f"{zoo!r}\n\ngraph edit\n{zoo.graph('edit')!r}\n")
    assert '"unit": "µ"' in text
    assert text.endswith("accuracy: 0.5 (test, n = 8)\n")


def test_info_for_a_reader_that_has_seen_enough(zoo_path: Path) -> None:
    call = "import sys; from modgan.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", call, "info", str(zoo_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as running:
        assert running.stdout and running.stderr
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_another_broken_pipe_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def broken(_: object, __: object) -> int:
        raise BrokenPipeError("a worker is gone")

    monkeypatch.setattr("modgan.cli.training._report", broken)
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "modgan report: a worker is gone\n"


def test_info_of_no_zoo(face: Path, capsys: Capture) -> None:
    assert main(["info", str(face)]) == 2
    assert re.match("modgan info: .*face.png: not a whole saf", capsys.readouterr().err)


# train

RECIPE = '''"""A recipe of a test."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from modgan.card import Card
from modgan.components import PatchEncoder, PatchReconstructor
from modgan.losses import l1
from modgan.spec import image
from modgan.train import Phase, Recipe


@dataclass(frozen=True)
class Settings:
    seed: int = 1
    steps: int = 3
    decay: float = 0.0
    ema: float = 0.5


def parts(s):
    encoder = PatchEncoder(image(8), 48, space="tiny@training")
    return {"E": encoder, "R": PatchReconstructor(encoder.outputs["feature"], image(8))}


def batch(s, at):
    return {"image": torch.ones(2, 3, 8, 8)}


def loss(parts, batch):
    return {"copy": l1(parts["R"](parts["E"](batch["image"])), batch["image"])}


def phases(s):
    return [Phase("copy", ("E", "R"), loss, {"copy": 1.0}, lr=1e-3)]


def card(s):
    return Card("CC0-1.0", {"data": "ones"}, graphs={"copy": ["E", "R"]})


recipe = Recipe("tiny", Settings(), parts, batch, phases, card)
'''


def test_train_runs_a_recipe_with_its_flags(tmp_path: Path, capsys: Capture) -> None:
    path, out = tmp_path / "tiny_recipe.py", tmp_path / "run"
    path.write_text(RECIPE)
    assert main(["train", str(path), "--out", str(out), "--steps", "2"]) == 0
    assert capsys.readouterr().out == f"{out / 'tiny.safetensors'}\n"
    zoo = load(out / "tiny.safetensors")
    assert zoo.card.provenance["step"] == 2 and list(zoo) == ["E", "R"]


DRAWN = """

class Pictures:
    attributes = {}

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.full((3, 8, 8), index, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64)


def batch(s, at):
    return {"image": cached(Pictures(), workers=1).images / 255}


recipe = replace(recipe, batch=batch)
"""


def test_workers_know_the_classes_of_a_recipe(tmp_path: Path) -> None:
    path, out = tmp_path / "drawn_recipe.py", tmp_path / "run"
    imports = (
        "from dataclasses import dataclass, replace\n\nfrom modgan.data.images import cached\n"
    )
    path.write_text(RECIPE.replace("from dataclasses import dataclass\n", imports) + DRAWN)
    assert main(["train", str(path), "--out", str(out), "--steps", "1"]) == 0
    assert (out / "tiny.safetensors").is_file()


@pytest.mark.parametrize("name", ["torch", "random"])
def test_a_recipe_hides_no_module(tmp_path: Path, capsys: Capture, name: str) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(RECIPE)
    assert main(["train", str(path)]) == 2
    assert f"{name}.py: hides Python's module {name}: give the" in capsys.readouterr().err


def test_train_shows_the_help_of_the_recipe(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "tiny_recipe.py"
    path.write_text(RECIPE)
    with pytest.raises(SystemExit, match="0"):
        main(["train", str(path), "--help"])
    text = capsys.readouterr().out
    assert "A recipe of a test." in text and "--ema" in text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "recipe.py: no such recipe; give the path of a Python file"),
        ("x = 1\n", "recipe.py: defines no `recipe = Recipe(...)`; is it a recipe?"),
        ("recipe = 3\n", "recipe.py: defines no `recipe = Recipe(...)`; is it a recipe?"),
        (
            RECIPE.replace(", phases, card)", ")"),
            "missing 2 required positional arguments: 'phases'",
        ),
        ("This is no Python.\n", "recipe.py: is no Python file (invalid syntax"),
        ("\x00\x01", "recipe.py: is no Python file (source code string cannot contain null bytes"),
    ],
)
def test_train_needs_a_recipe(
    tmp_path: Path, capsys: Capture, content: str | None, text: str
) -> None:
    path = tmp_path / "recipe.py"
    if content is not None:
        path.write_text(content)
    assert main(["train", str(path)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("modgan train: ") and text in err

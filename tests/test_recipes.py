"""Every recipe imports, composes what it promises and passes its smoke run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from shard_files import write_pictures

import modgan
from modgan.cli import main
from modgan.data.pack import pack
from modgan.data.table import SPLITS
from modgan.train import Recipe, Share

FOLDER = Path(__file__).parent.parent / "recipes"
# need what a first stage wrote: tests/test_birds_recipes.py, tests/test_across.py
SECOND = {"mixnmatch_birds_features", "smiling_sketches"}
RECIPES = sorted({p.stem for p in FOLDER.glob("*.py") if "\nrecipe = " in p.read_text()} - SECOND)


def recipe_of(name: str) -> Recipe:
    recipe = __import__(name).recipe
    assert isinstance(recipe, Recipe)
    return recipe


@pytest.mark.parametrize("name", RECIPES)
def test_smoke(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(FOLDER / f"{name}.py"), "--smoke", "--out", str(tmp_path)]) == 0
    zoo = modgan.load(tmp_path / f"{name}.safetensors")
    for graph in zoo.card.graphs:
        zoo.graph(graph)
    assert not any(part.startswith("D") for part in zoo)
    capfd.readouterr()


@pytest.mark.parametrize("name", ["modulargan_portraits", "modulargan_digits"])
@pytest.mark.parametrize("same", ["0", "9"])
def test_some_pictures_keep_their_label(
    name: str, same: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", str(FOLDER / f"{name}.py"), "--smoke", "--same", same])
    assert f"{name}.py: --same {same}: expects 1 or more of the --batch" in capsys.readouterr().err


def test_the_paper_variant_has_the_sizes_of_the_paper() -> None:
    paper = recipe_of("modulargan_portraits").variants["paper"]
    with torch.device("meta"):
        parts = paper.parts(replace(paper.settings, workers=0))
    feature = parts["E"].outputs["feature"]
    assert feature.shape == (256, 32, 32)
    assert parts["E"].inputs["image"].shape == (3, 128, 128)
    assert len(parts["T_hair"].body) == 1 + 6 and len(parts["E"].blocks) == 6
    assert [name for name in parts if name.startswith("D_")] == [
        "D_hair",
        "D_smile",
        "D_glasses",
        "D_beard",
    ]


def test_targets_differ_exactly_where_a_transformer_acts() -> None:
    recipe = recipe_of("modulargan_portraits")
    settings = replace(recipe.settings, **recipe.smoke)
    for step in range(6):
        batch = recipe.batch(settings, Share(step))
        own = batch["labels"][: settings.batch]
        differs = batch["target"] != own
        acts = torch.zeros_like(differs)
        acts[settings.same :, batch["chain"]] = True
        assert torch.equal(differs, acts)


@pytest.mark.parametrize(("chained", "lengths"), [(4, [1, 1, 1, 2]), (0, [1, 1, 1, 1])])
def test_two_transformers_act_in_a_row_as_often_as_asked(chained: int, lengths: list[int]) -> None:
    recipe = recipe_of("modulargan_portraits")
    settings = replace(recipe.settings, **recipe.smoke, chained=chained)
    chains = [recipe.batch(settings, Share(step))["chain"] for step in range(4)]
    assert [len(chain) for chain in chains] == lengths


def test_shares_of_a_step_have_other_pictures_and_the_same_transformers() -> None:
    recipe = recipe_of("modulargan_portraits")
    settings = replace(recipe.settings, **recipe.smoke)
    one, two = (recipe.batch(settings, Share(3, slot, 2)) for slot in (0, 1))
    assert one["chain"] == two["chain"] and len(one["chain"]) == 2
    assert not torch.equal(one["image"], two["image"])
    again = recipe.batch(settings, Share(3, 1, 2))
    assert torch.equal(again["image"], two["image"])
    assert torch.equal(again["target"], two["target"])
    turned = recipe.batch(settings, Share(3, 1, 2, order=1))
    assert not torch.equal(turned["image"], two["image"])


def test_resume_of_a_real_recipe_is_exact(tmp_path: Path) -> None:
    def train(out: str, *flags: str) -> bytes:
        command = ["--smoke", "--save-every", "2", "--out", str(tmp_path / out), *flags]
        main(["train", str(FOLDER / "modulargan_portraits.py"), *command])
        return (tmp_path / out / "modulargan_portraits.safetensors").read_bytes()

    whole = train("whole")
    train("halves", "--minutes", "0")
    assert train("halves", "--resume") == whole


def test_training_from_shards_resumes_to_the_same_bits(tmp_path: Path) -> None:
    splits = {split: write_pictures(tmp_path / split, split, 12) for split in SPLITS}
    pack(splits, tmp_path / "shards", 32, per_shard=5)

    def train(out: str, *flags: str) -> bytes:
        command = ["--smoke", "--data", str(tmp_path / "shards"), "--out", str(tmp_path / out)]
        main(["train", str(FOLDER / "modulargan_portraits.py"), *command, *flags])
        return (tmp_path / out / "modulargan_portraits.safetensors").read_bytes()

    whole = train("whole")
    train("halves", "--minutes", "0")
    assert train("halves", "--resume") == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_runs_as_a_script(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--smoke", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / f"{name}.safetensors")


def test_the_variant_of_the_portraits_recipe_is_the_papers(tmp_path: Path) -> None:
    flags = ["--variant", "paper", "--smoke", "--out", str(tmp_path)]
    assert main(["train", str(FOLDER / "modulargan_portraits.py"), *flags]) == 0
    assert modgan.load(tmp_path / "modulargan_paper.safetensors")["E"].component == "conv_encoder"


@pytest.mark.slow
def test_the_paper_size_takes_a_step(tmp_path: Path) -> None:
    flags = ["--pictures", "4", "--batch", "1", "--steps", "1", "--n-critic", "1", "--workers", "0"]
    main(["train", str(FOLDER / "modulargan_paper.py"), *flags, "--out", str(tmp_path)])
    assert (
        modgan.load(tmp_path / "modulargan_paper.safetensors")["R"].outputs["image"].height == 128
    )


def test_own_pictures_decide_the_transformers(tmp_path: Path) -> None:
    rows = ["file,hat,colour,split"]
    splits = ["train"] * 4 + ["val"] * 4 + ["test"] * 4
    for index, split in enumerate(splits):
        Image.new("RGB", (40, 30), (20 * index, 90, 200)).save(tmp_path / f"{index}.png")
        hat, colour = "no" if index % 2 else "yes", "red" if index % 4 < 2 else "blue"
        rows.append(f"{index}.png,{hat},{colour},{split}")
    (tmp_path / "attributes.csv").write_text("\n".join(rows))
    flags = ["--smoke", "--data", str(tmp_path), "--licence", "MIT", "--out", str(tmp_path / "run")]
    assert main(["train", str(FOLDER / "modulargan_portraits.py"), *flags]) == 0
    zoo = modgan.load(tmp_path / "run/modulargan_portraits.safetensors")
    assert list(zoo) == ["E", "T_hat", "T_colour", "R"]
    assert zoo["T_colour"].inputs["colour"].labels == ("blue", "red")
    figures = {row["name"]: (row["split"], row["n"]) for row in zoo.card.metrics}
    assert figures["hat+colour, error %"] == figures["hat as it is, error %"] == ("test", 4)
    assert "| hat | no | 2 | 2 | 2 |" in (tmp_path / "run/plan.md").read_text()
    assert "hat+colour" in (tmp_path / "run/report.html").read_text()
    assert (zoo.card.licence, zoo.card.provenance["data"]) == ("MIT", tmp_path.name)

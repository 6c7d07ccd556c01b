"""A new transformer joins a trained zoo, and nothing else in the zoo changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import upgrade_portraits
from PIL import Image
from test_recipes import FOLDER

import modgan
from modgan.cli import main
from modgan.spec import InterfaceError
from modgan.train import TrainingError, checkpoint

SMALL = ["--smoke", "--n-res", "1"]


def train(recipe: str, out: Path, *flags: str) -> Path:
    """The zoo that a smoke run writes."""
    assert main(["train", str(FOLDER / f"{recipe}.py"), *SMALL, "--out", str(out), *flags]) == 0
    return out / f"{recipe}.safetensors"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A zoo without T_beard, T_beard that joined it, and a zoo of another training."""
    folder = tmp_path_factory.mktemp("join")
    zoo = train("modulargan_portraits", folder / "zoo", "--attributes", "smile,hair")
    other = train("modulargan_portraits", folder / "other", "--attributes", "smile", "--seed", "1")
    flags = ("--zoo", str(zoo), "--attributes", "beard", "--size", "32")
    T = train("join_portraits", folder / "T", *flags)
    flags = ("--zoo", str(zoo), "--attributes", "smile,hair", "--size", "32")
    R = train("upgrade_portraits", folder / "R", *flags)
    return {"zoo": zoo, "other": other, "T": T, "R": R}


def test_the_new_transformer_is_a_file_of_its_own(runs: dict[str, Path]) -> None:
    alone, zoo = modgan.load(runs["T"]), modgan.load(runs["zoo"])
    assert list(alone) == ["T_beard"]
    assert alone["T_beard"].inputs["feature"] == zoo["E"].outputs["feature"]
    assert "T_beard" not in zoo and list(zoo) == ["E", "T_smile", "T_hair", "R"]


def test_it_chains_with_the_old_ones_in_any_order(runs: dict[str, Path]) -> None:
    picture = torch.rand(2, 3, 32, 32) * 2 - 1
    hair, beard = torch.eye(4)[:2], torch.eye(2)
    pictures = []
    for chain in (["T_hair", "T_beard"], ["T_beard", "T_hair"]):
        graph = modgan.compose(["E", *chain, "R"], parts=[runs["zoo"], runs["T"]])
        with torch.no_grad():
            pictures.append(graph(image=picture, hair=hair, beard=beard)["image"])
    assert pictures[0].isfinite().all() and (pictures[0] - pictures[1]).abs().max() < 1


def test_the_command_line_merges_them(runs: dict[str, Path], tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "salmon").save(tmp_path / "a.png")
    flags = ["--set", "beard=yes", "--set", "hair=red", "-o", str(tmp_path / "b.png")]
    zoos = ["--zoo", str(runs["zoo"]), "--zoo", str(runs["T"])]
    assert main(["edit", str(tmp_path / "a.png"), *flags, *zoos]) == 0
    with Image.open(tmp_path / "b.png") as edited:
        assert edited.size == (32, 32)


def test_a_zoo_of_another_training_refuses_it(runs: dict[str, Path]) -> None:
    with pytest.raises(InterfaceError, match="nothing in these zoos makes portraits@"):
        modgan.compose(["E", "T_beard", "R"], parts=[runs["other"], runs["T"]])


@pytest.mark.parametrize("new", ["T", "R"])
def test_the_other_parts_stay_bit_identical(new: str, runs: dict[str, Path]) -> None:
    last = checkpoint.latest(runs[new].parent / "checkpoints")
    assert last is not None
    state, zoo = checkpoint.load(last)["trainer"], modgan.load(runs["zoo"])
    (joined,) = modgan.load(runs[new])
    critics = ["D"] if new == "T" else []
    assert state["step"] == 6 and set(state["parts"]) == {*zoo, joined, *critics}
    for name in set(zoo) - {joined}:
        for key, tensor in zoo[name].state_dict().items():
            assert torch.equal(state["parts"][name][key], tensor), f"{name}.{key}"
    assert len(state["optimizers"][new]["state"]) > 0


def test_a_better_reconstructor_takes_the_place_of_the_old_one(runs: dict[str, Path]) -> None:
    kept = modgan.load(runs["zoo"], only=["E", "T_hair"])
    graph = modgan.compose(["E", "T_hair", "R"], parts=[kept, runs["R"]])
    assert len(graph.parts["R"].blocks) == 1  # the smoke size
    picture, hair = torch.rand(1, 3, 32, 32) * 2 - 1, torch.eye(4)[:1]
    old = modgan.compose(["E", "T_hair", "R"], runs["zoo"])
    with torch.no_grad():
        apart = graph(image=picture, hair=hair)["image"] - old(image=picture, hair=hair)["image"]
    assert 0 < apart.abs().max() < 2
    with pytest.raises(InterfaceError, match="both zoos hold a part named 'R'"):
        modgan.compose(["E", "T_hair", "R"], parts=[runs["zoo"], runs["R"]])


def test_a_larger_reconstructor_begins_as_the_old_one(runs: dict[str, Path]) -> None:
    old = modgan.load(runs["zoo"])["R"]
    new = upgrade_portraits.grown(old, 3)
    f = torch.randn(1, *old.inputs["feature"].shape)
    assert len(new.blocks) == 3 and torch.equal(new(f), old(f))
    with pytest.raises(TrainingError, match="--n-res 0: the zoo's R has 1 blocks"):
        upgrade_portraits.grown(old, 0)


def test_a_reconstructor_needs_the_attributes_of_the_zoo(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--zoo", str(runs["zoo"]), "--size", "32", "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        main(["train", str(FOLDER / "upgrade_portraits.py"), *SMALL, *flags])
    assert "holds E, T_smile, T_hair for 3×32×32" in capsys.readouterr().err


def test_one_attribute_joins_at_a_time(runs: dict[str, Path], tmp_path: Path) -> None:
    flags = ["--zoo", str(runs["zoo"]), "--attributes", "beard,glasses", "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        main(["train", str(FOLDER / "join_portraits.py"), *SMALL, *flags])


def test_sizes_must_be_the_zoos(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--zoo", str(runs["zoo"]), "--attributes", "beard", "--out", str(tmp_path)]
    with pytest.raises(SystemExit):
        main(["train", str(FOLDER / "join_portraits.py"), *SMALL, *flags])
    assert "takes pictures of 32 pixels: pass --size 32" in capsys.readouterr().err

"""Checkpoints of StarGAN and CycleGAN as zoos, and back.

The state dicts are the golden ones, of the official networks with few channels.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_files import State, equal, garbage, parameters, saved, star_pair, state
from golden_files import Golden, is_statistic
from PIL import Image
from safetensors.torch import save_file

from modgan.cli import main
from modgan.component import Component
from modgan.convert import cyclegan, stargan
from modgan.spec import flags, image, logits, onehot
from modgan.zoo import Zoo, inspect, load

Capture = pytest.CaptureFixture[str]


def reloaded(zoo: Zoo, tmp_path: Path) -> Zoo:
    zoo.save(tmp_path / "zoo.safetensors")
    return load(tmp_path / "zoo.safetensors")


@pytest.fixture
def g(tmp_path: Path) -> Path:
    return saved(tmp_path / "200000-G.ckpt", state("stargan_G"))


@pytest.fixture
def d(tmp_path: Path) -> Path:
    return saved(tmp_path / "200000-D.ckpt", state("stargan_D"))


@pytest.fixture
def cycle_g(tmp_path: Path) -> Path:
    return saved(tmp_path / "latest_net_G.pth", state("cyclegan_G"))


# StarGAN


def test_stargan_gives_the_golden_outputs(g: Path, d: Path, tmp_path: Path) -> None:
    zoo = reloaded(stargan.to_zoo([g, d]), tmp_path)
    assert {name: part.component for name, part in zoo.items()} == {
        "F": "star_translator",
        "D": "star_discriminator",
    }
    golden = Golden("stargan_G")
    made = zoo.graph("translate")(image=golden.given("x"), labels=golden.given("c"))
    golden.check("train.y", made["image"])
    golden = Golden("stargan_D")
    judged = zoo.graph("judge")(image=golden.given("x"))
    golden.check("src", judged["real"])
    golden.check("cls", judged["labels"])


def test_stargan_reads_sizes_and_labels_off_the_files(g: Path, d: Path) -> None:
    zoo = stargan.to_zoo([d, g])  # in any order
    picture = image(32)  # D's file says 32
    assert zoo["F"].inputs == {"image": picture, "labels": flags(stargan.CELEBA)}
    assert zoo["F"].config | {"channels": 8, "n_res": 2} == zoo["F"].config
    assert zoo["D"].outputs["labels"] == logits(stargan.CELEBA)
    assert zoo["D"].config | {"channels": 8, "n_down": 4} == zoo["D"].config
    assert stargan.to_zoo([g])["F"].inputs["image"] == image(128)
    assert stargan.to_zoo([g], size=64)["F"].inputs["image"] == image(64)
    assert list(stargan.to_zoo([d])) == ["D"]


def test_stargan_there_and_back_is_exact(g: Path, d: Path, tmp_path: Path) -> None:
    zoo = reloaded(stargan.to_zoo([g, d]), tmp_path)
    official, back = state("stargan_G"), stargan.to_official(zoo["F"])
    order = list(torch.load(g, weights_only=True))
    assert set(back) == set(official) == set(order)
    for key, tensor in back.items():
        expected = official[key]
        if is_statistic(key):  # those of a new network
            expected = torch.full_like(expected, float("running_var" in key))
        assert tensor.dtype == expected.dtype and torch.equal(tensor, expected), key
    official, back = state("stargan_D"), stargan.to_official(zoo["D"])
    assert set(back) == set(official) and all(torch.equal(back[k], official[k]) for k in back)


def test_stargan_back_again_gives_the_same_zoo(g: Path, tmp_path: Path) -> None:
    first = stargan.to_zoo([g])
    again = saved(tmp_path / "again-G.ckpt", stargan.to_official(first["F"]))
    assert equal(stargan.to_zoo([again])["F"].state_dict(), first["F"].state_dict())


def test_people_say_which_labels_are_on(g: Path) -> None:
    graph = stargan.to_zoo([g], size=32).graph("translate")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 36, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    made = graph.apply(image=picture, labels={"Young", "Blond_Hair"})["image"]
    code = torch.tensor([[0.0, 1.0, 0.0, 0.0, 1.0]])
    assert made.tobytes() == graph.apply(image=picture, labels=code)["image"][0].tobytes()


@pytest.mark.parametrize("kind", ["module", "legacy", "safetensors", "without statistics"])
def test_stargan_files_of_all_kinds_are_the_same(kind: str, g: Path, tmp_path: Path) -> None:
    official, path = state("stargan_G"), tmp_path / "other-G.ckpt"
    if kind == "module":
        saved(path, {f"module.{key}": tensor for key, tensor in official.items()})
    elif kind == "safetensors":
        path = path.with_suffix(".safetensors")
        save_file(official, path)
    else:
        saved(path, official if kind == "legacy" else parameters(official), legacy=True)
    other, part = stargan.to_zoo([path])["F"], stargan.to_zoo([g])["F"]
    assert equal(other.state_dict(), part.state_dict()) and other.config == part.config


def test_rafd_has_one_expression(tmp_path: Path) -> None:
    zoo = stargan.to_zoo(star_pair(tmp_path, 8, 8))
    assert zoo["F"].inputs["expression"] == onehot("expression", stargan.RAFD)
    assert zoo["D"].outputs["expression"] == logits(stargan.RAFD)
    picture = Image.new("RGB", (16, 16), "red")
    graph = zoo.graph("translate")
    first = graph.apply(image=picture, expression="happy")["image"]
    assert first.tobytes() == graph.apply(image=picture, expression=4)["image"].tobytes()


def test_labels_can_be_named(tmp_path: Path) -> None:
    files = star_pair(tmp_path, 3, 3)
    zoo = stargan.to_zoo(files, labels="Bangs, Male,Smiling")
    assert zoo["F"].inputs["labels"] == flags(["Bangs", "Male", "Smiling"])
    assert zoo["D"].outputs["labels"] == logits(["Bangs", "Male", "Smiling"])
    zoo = stargan.to_zoo(files, labels="season=spring,summer,winter")
    assert zoo["F"].inputs["season"] == onehot("season", ["spring", "summer", "winter"])
    assert zoo["D"].outputs["season"] == logits(["spring", "summer", "winter"])


def test_a_critic_of_two_data_sets_lacks_what_says_which(tmp_path: Path) -> None:
    names = [*stargan.CELEBA, *stargan.RAFD, "CelebA", "RaFD"]
    files = star_pair(tmp_path, 15, 13)
    zoo = stargan.to_zoo(files, labels=",".join(names))
    assert zoo["F"].inputs["labels"] == flags(names)
    assert zoo["D"].outputs["labels"] == logits(names[:13])
    alone = stargan.to_zoo(files[1:], labels=",".join(names[:13]))
    assert alone["D"].outputs == zoo["D"].outputs


def test_the_card_says_where_it_comes_from(g: Path, d: Path, tmp_path: Path) -> None:
    stargan.to_zoo([g, d], licence="MIT").save(tmp_path / "zoo.safetensors")
    card = inspect(tmp_path / "zoo.safetensors")["card"]
    digests = {path.name: f"sha256 {sha256(path.read_bytes()).hexdigest()}" for path in (g, d)}
    assert card["licence"] == "MIT"
    assert card["provenance"] == {
        "converted_from": "StarGAN, github.com/yunjey/stargan",
        "files": digests,
    }
    assert card["graphs"] == {"translate": ["F"], "judge": ["D"]}
    assert stargan.to_zoo([g]).card.licence == "unknown: as the checkpoint's"
    assert stargan.to_zoo([g]).card.graphs == {"translate": ["F"]}


# CycleGAN


def test_cyclegan_gives_the_golden_outputs(cycle_g: Path, tmp_path: Path) -> None:
    zoo = reloaded(cyclegan.to_zoo([cycle_g], size=32), tmp_path)
    assert [(name, part.component) for name, part in zoo.items()] == [("F", "cycle_translator")]
    golden = Golden("cyclegan_G")
    golden.check("y", zoo.graph("translate")(image=golden.given("x"))["image"])
    assert equal(cyclegan.to_official(zoo["F"]), state("cyclegan_G"))
    assert cyclegan.to_zoo([cycle_g])["F"].inputs == {"image": image(256)}


def test_cyclegan_critics_give_the_golden_outputs(tmp_path: Path) -> None:
    path = saved(tmp_path / "latest_net_D.pth", state("cyclegan_D"))
    zoo = reloaded(cyclegan.to_zoo([path], size=64), tmp_path)
    golden = Golden("cyclegan_D")
    golden.check("y", zoo["D"](golden.given("x")))
    assert equal(cyclegan.to_official(zoo["D"]), state("cyclegan_D"))


def test_the_name_of_a_file_says_which_direction(tmp_path: Path) -> None:
    names = ("G_A", "G_B", "D_A", "D_B")
    official = {name: state("cyclegan_losses", f"sd.{name}.") for name in names}
    files = [saved(tmp_path / f"latest_net_{name}.pth", official[name]) for name in names]
    zoo = reloaded(cyclegan.to_zoo(files, size=64), tmp_path)
    assert list(zoo) == ["F_A", "F_B", "D_A", "D_B"]
    assert zoo.card.graphs == {"A_to_B": ["F_A"], "B_to_A": ["F_B"]}
    for name, ours in zip(names, zoo, strict=True):
        back = cyclegan.to_official(zoo[ours])
        assert equal(back, official[name])
    x = Golden("cyclegan_losses").given("real_A")
    assert torch.equal(zoo.graph("A_to_B")(image=x)["image"], zoo["F_A"](x))
    assert list(cyclegan.to_zoo(files[1:3]).card.graphs) == ["B_to_A"]


def with_dropout(official: State) -> State:
    return {key.replace("block.5", "block.6"): tensor for key, tensor in official.items()}


def legacy_of(official: State) -> State:
    """With the statistics of 2018 among the rest, as their program wrote them."""
    return official | Golden("cyclegan_G").state("legacy.")


def legacy_with_dropout(official: State) -> State:
    statistics = Golden("cyclegan_G").state("legacy.")
    moved = {key.replace("block.6", "block.7"): tensor for key, tensor in statistics.items()}
    return with_dropout(official) | moved


def with_module(official: State) -> State:
    return {f"module.{key}": tensor for key, tensor in official.items()}


@pytest.mark.parametrize("change", [with_dropout, legacy_of, legacy_with_dropout, with_module])
def test_cyclegan_files_of_all_kinds_are_the_same(
    change: Callable[[State], State], cycle_g: Path, tmp_path: Path
) -> None:
    official = state("cyclegan_G")
    changed = change(official)
    assert set(changed) != set(official)
    path = saved(tmp_path / "other_net_G.pth", changed)
    part, other = (cyclegan.to_zoo([p], size=32)["F"] for p in (cycle_g, path))
    assert equal(part.state_dict(), other.state_dict())
    golden = Golden("cyclegan_G")
    golden.check("y", other(golden.given("x")))


def test_dropout_moves_the_keys_back(cycle_g: Path) -> None:
    part = cyclegan.to_zoo([cycle_g])["F"]
    back = cyclegan.to_official(part, dropout=True)
    assert equal(back, with_dropout(state("cyclegan_G")))


# The command


def test_convert_stargan(g: Path, d: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "new/star.safetensors"
    names = "a,b,c,d,e"
    flags_of = ["--labels", names, "--licence", "CC0-1.0", "--size", "32"]
    assert main(["convert", "stargan", str(g), str(d), "-o", str(out), *flags_of]) == 0
    assert capsys.readouterr().out == f"{out}: F (star_translator), D (star_discriminator)\n"
    zoo = load(out)
    assert zoo["F"].inputs["labels"] == flags(names.split(","))
    assert zoo["F"].inputs["image"] == image(32) and zoo.card.licence == "CC0-1.0"
    assert equal(zoo["F"].state_dict(), stargan.to_zoo([g])["F"].state_dict())


def test_convert_cyclegan(cycle_g: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "cycle.safetensors"
    assert main(["convert", "cyclegan", str(cycle_g), "-o", str(out), "--size", "32"]) == 0
    assert capsys.readouterr().out == f"{out}: F (cycle_translator)\n"
    part: Component = load(out)["F"]
    assert part.inputs["image"] == image(32)
    assert main(["info", str(out)]) == 0
    assert "latest_net_G.pth" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["zoo.ckpt", "same.safetensors"])
def test_convert_never_writes_over_a_checkpoint(out: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "same.safetensors"
    save_file(state("stargan_G"), path)
    before = path.read_bytes()
    assert main(["convert", "stargan", str(path), "-o", str(tmp_path / out)]) == 2
    message = "expects a .safetensors file that is no checkpoint here\n"
    assert capsys.readouterr().err == f"modgan convert: -o {tmp_path / out}: {message}"
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("source", ["stargan", "cyclegan"])
def test_convert_says_what_is_wrong(source: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "zoo.safetensors"
    assert main(["convert", source, str(tmp_path / "nowhere.pth"), "-o", str(out)]) == 2
    assert "nowhere.pth" in capsys.readouterr().err
    assert main(["convert", source, str(garbage(tmp_path / "x.pth")), "-o", str(out)]) == 2
    assert f"{tmp_path}/x.pth: cannot be read" in capsys.readouterr().err
    assert not out.exists()


def test_labels_are_stargans_alone(cycle_g: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["convert", "cyclegan", str(cycle_g), "-o", "x.safetensors", "--labels", "a"])
    assert "unknown arguments: --labels a" in capsys.readouterr().err

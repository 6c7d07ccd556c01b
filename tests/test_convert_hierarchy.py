"""Checkpoints of FineGAN and MixNMatch as zoos, and back; and those that cannot become zoos.

The state dicts are the golden ones, of the official networks with few channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import State, equal, garbage, saved, state
from golden_files import Golden
from safetensors.torch import save_file

from modgan.cli import main
from modgan.components import PatchEncoder
from modgan.convert import finegan, mixnmatch
from modgan.spec import InterfaceError, image, onehot
from modgan.zoo import Zoo, ZooError, compose, inspect, load

Capture = pytest.CaptureFixture[str]
MIXED = ("G", "E", "EX", "D0", "D1", "D2", "BD")
PREFIXES = {f"D{i}": f"sd.D{i}." for i in range(3)}  # critics of one training with G


def wrapped(official: State) -> State:
    """As the programs write it: of a network that runs on several devices, with counts."""
    norms = [key.removesuffix("running_var") for key in official if key.endswith("running_var")]
    counts = {f"{norm}num_batches_tracked": torch.tensor(7) for norm in norms}
    return {f"module.{key}": tensor for key, tensor in (official | counts).items()}


def finegan_state(name: str) -> State:
    prefix = PREFIXES.get(name)
    return wrapped(state("finegan_losses", prefix) if prefix else state("finegan_G"))


def finegan_files(folder: Path) -> list[Path]:
    names = ("G", "D0", "D1", "D2")
    return [saved(folder / f"net{name}.pth", finegan_state(name), legacy=True) for name in names]


def mixnmatch_files(folder: Path, *names: str) -> list[Path]:
    return [saved(folder / f"{name}_0.pth", wrapped(state(f"mixnmatch_{name}"))) for name in names]


def reloaded(zoo: Zoo, folder: Path) -> Zoo:
    zoo.save(folder / "zoo.safetensors")
    return load(folder / "zoo.safetensors")


def spaces(zoo: Zoo) -> dict[str, str]:
    return {
        f"{name}.{port}": spec.space
        for name, part in zoo.items()
        for port, spec in (part.inputs | part.outputs).items()
        if "@" in spec.space
    }


# FineGAN


def test_finegan_gives_the_golden_pictures(tmp_path: Path) -> None:
    zoo = reloaded(finegan.to_zoo(finegan_files(tmp_path)), tmp_path)
    assert list(zoo) == [*finegan.HIERARCHY, "D_background", "D_parent", "D_child"]
    assert zoo.card.graphs == {"hierarchy": finegan.HIERARCHY}
    golden = Golden("finegan_G")
    codes = {"z": "z", "background": "b", "parent": "p", "child": "c"}
    made = zoo.graph("hierarchy")(**{name: golden.given(code) for name, code in codes.items()})
    golden.check("eval.fake_img.child", made["image"])
    golden.check("eval.mask.parent", made["mask_parent"])
    golden.check("eval.fgmk.child", made["cut_child"])
    assert zoo["D_child"](made["cut_child"])[1].shape == (2, 12)


def test_finegan_reads_every_size_off_the_files(tmp_path: Path) -> None:
    zoo = finegan.to_zoo(finegan_files(tmp_path)[::-1])  # in any order
    twelve, four = (tuple(map(str, range(count))) for count in (12, 4))
    graph = zoo.graph("hierarchy")
    assert graph.inputs["child"] == onehot("child", twelve)
    assert graph.inputs["background"] == onehot("background", twelve)
    assert graph.inputs["parent"] == onehot("parent", four)
    assert graph.inputs["z"].shape == (8,) and graph.outputs["image"] == image(128)
    assert zoo["G_parent"].config["widths"] == [64, 32, 16, 8, 4, 4]
    assert zoo["D_background"].inputs["image"] == image(126)
    assert zoo["D_parent"].outputs["parent"].labels == four


def test_spaces_carry_the_digest_of_the_generator(tmp_path: Path) -> None:
    files = finegan_files(tmp_path)
    zoo, alone = finegan.to_zoo([files[1], files[0]]), finegan.to_zoo(files[:1])
    found = spaces(zoo)
    assert found == spaces(alone)  # whatever else is converted with it
    by_name = {space.partition("@")[0]: space for space in found.values()}
    assert (
        set(by_name) == {"background", "parent", "child"} == {s.partition("@")[0] for s in by_name}
    )
    assert len(set(found.values())) == 3 and not any(
        s.endswith("@training") for s in by_name.values()
    )
    other = finegan_state("G")
    other["module.img_net2.img.0.weight"] = other["module.img_net2.img.0.weight"] + 1
    trained_again = finegan.to_zoo([saved(tmp_path / "other.pth", other)])
    mixed = {**alone, "T_child": trained_again["T_child"]}
    with pytest.raises(InterfaceError, match=r"same shape, another space: expects .* of parent@"):
        compose(finegan.HIERARCHY, mixed)


def test_finegan_there_and_back_is_exact(tmp_path: Path) -> None:
    zoo = reloaded(finegan.to_zoo(finegan_files(tmp_path)), tmp_path)
    back = finegan.to_official(zoo)
    assert list(back) == ["netG", "netD0", "netD1", "netD2"]
    for network, official in back.items():
        assert equal(official, finegan_state(network.removeprefix("net"))), network
    only_g = finegan.to_official({name: zoo[name] for name in finegan.HIERARCHY})
    assert list(only_g) == ["netG"]


@pytest.mark.parametrize("kind", ["bare", "without counts", "safetensors"])
def test_finegan_files_of_all_kinds_are_the_same(kind: str, tmp_path: Path) -> None:
    official, path = finegan_state("G"), tmp_path / "other.pth"
    first = finegan.to_zoo([saved(tmp_path / "netG.pth", official)])
    if kind == "bare":
        saved(path, {key.removeprefix("module."): value for key, value in official.items()})
    elif kind == "without counts":
        saved(path, {k: v for k, v in official.items() if not k.endswith("num_batches_tracked")})
    else:
        path = path.with_suffix(".safetensors")
        save_file(official, path)
    other, counts = finegan.to_zoo([path]), []
    for name, part in first.items():
        mine, theirs = part.state_dict(), other[name].state_dict()
        if kind == "without counts":
            tracked = [key for key in theirs if key.endswith("num_batches_tracked")]
            counts += [theirs[key].item() for key in tracked]
            theirs |= {key: mine[key] for key in tracked}
        assert equal(mine, theirs)
    assert counts == ([0] * 24 if kind == "without counts" else [])


def test_people_name_codes_by_number(tmp_path: Path) -> None:
    graph = finegan.to_zoo(finegan_files(tmp_path)[:1]).graph("hierarchy")
    made = graph.apply(z=3, background="4", parent="1", child="4")
    again = graph.apply(z=3, background=4, parent=1, child=4)
    assert made["image"].size == (128, 128) and made["mask_child"].mode == "L"
    assert made["image"].tobytes() == again["image"].tobytes()


# MixNMatch


def test_mixnmatch_gives_the_golden_pictures(tmp_path: Path) -> None:
    zoo = reloaded(mixnmatch.to_zoo(mixnmatch_files(tmp_path, *MIXED)), tmp_path)
    assert set(zoo.card.graphs) == {"hierarchy", "code_mode", "feature_mode"}
    golden = Golden("mixnmatch_G")
    codes = {"z": "z", "background": "b", "parent": "p", "child": "c"}
    given = {name: golden.given(code) for name, code in codes.items()}
    golden.check("eval.code.fake_img.child", zoo.graph("hierarchy")(**given)["image"])
    golden = Golden("mixnmatch_EX")
    golden.check("eval.y", zoo["S"](golden.given("x")))
    assert zoo["S"].outputs == zoo["G_parent"].outputs
    x = torch.rand(1, 3, 128, 128)
    mixed = zoo.graph("code_mode")(pose=x, background=x, shape=x, texture=x)["image"]
    shown = zoo.graph("feature_mode")(background=x, shape=x, texture=x)["image"]
    assert mixed.shape == shown.shape == x.shape and not torch.equal(mixed, shown)
    assert zoo["D_pair_c"](x, torch.eye(12)[:1]).shape == (1, 1)


def test_mixnmatch_there_and_back_is_exact(tmp_path: Path) -> None:
    zoo = reloaded(mixnmatch.to_zoo(mixnmatch_files(tmp_path, *reversed(MIXED))), tmp_path)
    back = mixnmatch.to_official(zoo)
    assert tuple(back) == MIXED
    for network, official in back.items():
        assert equal(official, wrapped(state(f"mixnmatch_{network}"))), network


@pytest.mark.parametrize(
    ("names", "graphs"),
    [
        (("G",), {"hierarchy"}),
        (("G", "E"), {"hierarchy", "code_mode"}),
        (("E", "EX", "G"), {"hierarchy", "code_mode", "feature_mode"}),
        (("E",), set()),
    ],
)
def test_mixnmatch_graphs_are_those_whose_parts_are_given(
    names: tuple[str, ...], graphs: set[str], tmp_path: Path
) -> None:
    zoo = mixnmatch.to_zoo(mixnmatch_files(tmp_path, *names), licence="CC0-1.0")
    assert set(zoo.card.graphs) == graphs and zoo.card.licence == "CC0-1.0"
    for graph in graphs:
        zoo.graph(graph)
    assert set(zoo.card.provenance["files"]) == {f"{name}_0.pth" for name in names}


def test_files_converted_apart_go_together(tmp_path: Path) -> None:
    """Codes are public spaces: E's zoo may join G's later."""
    files = mixnmatch_files(tmp_path, "G", "E")
    apart = [mixnmatch.to_zoo([file]) for file in files]
    graph = compose(mixnmatch.GRAPHS["code_mode"], apart)
    x = torch.rand(1, 3, 128, 128)
    together = mixnmatch.to_zoo(files).graph("code_mode")
    pictures = dict.fromkeys(("pose", "background", "shape", "texture"), x)
    assert torch.equal(graph(**pictures)["image"], together(**pictures)["image"])


# Refusals


@pytest.mark.parametrize(
    ("source", "name", "change", "text"),
    [
        (
            finegan,
            "G",
            {"h_net2.samesample.0.weight": None},
            "the netG of FineGAN that its .*samesample.0.weight; un",
        ),
        (finegan, "G", {"extra": torch.ones(1)}, "missing nothing; unknown extra; only networks"),
        (
            finegan,
            "G",
            {"h_net1.fc.0.weight": torch.ones(2048)},
            r"should have 2 axes, is \[2048\]",
        ),
        (
            finegan,
            "G",
            {"h_net1.upsample5.1.weight": None},
            "h_net1.upsample5.1.weight should have 4 axes, is missing",
        ),
        (
            finegan,
            "G",
            {"h_net2.jointConv.0.weight": torch.ones(8, 4, 3, 3)},
            r"sizes from 1 to 65536, got \[0\]",
        ),
        (
            finegan,
            "G",
            {"h_net3.samesample.1.bias": torch.ones(3)},
            r"bias should be torch.float32 \[2\], is .* \[3\]",
        ),
        (
            finegan,
            "D1",
            {"logits.0.weight": torch.ones(4, 32, 2, 2)},
            r"logits.0.weight should be .* \[4, 32, 4, 4\]",
        ),
        (
            finegan,
            "D0",
            {"uncond_logits2.0.bias": None},
            "the netD0 of FineGAN .* missing uncond_logits2.0.bias",
        ),
        (
            mixnmatch,
            "G",
            {"parent_stage.residual.1.block.0.weight": None},
            "the G of MixNMatch that",
        ),
        (
            mixnmatch,
            "E",
            {"model_c.4.weight": torch.ones(12, 24, 2, 2)},
            r"\[12, 24, 4, 4\], is .* \[12, 24, 2, 2\]",
        ),
        (
            mixnmatch,
            "BD",
            {"BD_p.joint.1.model.0.bias": None},
            "the BD of MixNMatch that its shapes say: missing BD_p",
        ),
        (
            mixnmatch,
            "D2",
            {"encode_img.12.bias": None},
            "the D2 of MixNMatch .* missing encode_img.12.bias",
        ),
    ],
)
def test_damaged_networks(
    source: Any, name: str, change: dict[str, Any], text: str, tmp_path: Path
) -> None:
    program = "finegan" if source is finegan else "mixnmatch"
    official = state(f"{program}_{name}") | change
    kept = {key: tensor for key, tensor in official.items() if tensor is not None}
    path = saved(tmp_path / f"net{name}.pth", wrapped(kept))
    with pytest.raises(ZooError, match=rf"net{name}\.pth: .*{text}"):
        source.to_zoo([path])


def test_what_is_none_of_the_networks(tmp_path: Path) -> None:
    other = saved(tmp_path / "x.pth", state("stargan_G"))
    with pytest.raises(ZooError, match=r"x.pth: holds no network of FineGAN: .* h_net1_bg.fc.0.w"):
        finegan.to_zoo([other])
    with pytest.raises(ZooError, match=r"no network of MixNMatch: expects .* background_stage.fc"):
        mixnmatch.to_zoo([other])
    with pytest.raises(ZooError, match=r"no network of MixNMatch: .* got h_net1"):
        mixnmatch.to_zoo([saved(tmp_path / "netG.pth", finegan_state("G"))])
    for source in (finegan, mixnmatch):
        with pytest.raises(ZooError, match=r"no checkpoint to convert: name one file or more"):
            source.to_zoo([])
        with pytest.raises(ZooError, match=r"y\.pth: cannot be read as a checkpoint of tensors"):
            source.to_zoo([garbage(tmp_path / "y.pth")])


def test_labels_without_end_are_refused(tmp_path: Path) -> None:
    """A file may say that one number is a bias of millions."""
    official = state("finegan_losses", "sd.D2.")
    official["logits.0.bias"] = torch.zeros(1).expand(200_000_000)
    with pytest.raises(ZooError, match=r"netD2.pth: .* from 1 to 65536, got \[65537\]"):
        finegan.to_zoo([saved(tmp_path / "netD2.pth", official)])


def test_a_shape_encoder_needs_its_generator(tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=r"EX_0.pth: the feature of S .*: give that G.pth beside it"):
        mixnmatch.to_zoo(mixnmatch_files(tmp_path, "EX", "E"))


def test_the_name_tells_critics_of_codes_apart(tmp_path: Path) -> None:
    path = saved(tmp_path / "critic.pth", finegan_state("D1"))
    with pytest.raises(ZooError, match=r"is netD1 or netD2, which are alike: call it netD1.pth"):
        finegan.to_zoo([path])
    with pytest.raises(ZooError, match=r"netD1.pth: a second D_parent, beside netD1.pth"):
        finegan.to_zoo([saved(tmp_path / "netD1.pth", finegan_state("D1"))] * 2)


def test_files_of_two_trainings(tmp_path: Path) -> None:
    g, _, _, d2 = finegan_files(tmp_path)
    named_parent = saved(tmp_path / "netD1_of_12.pth", finegan_state("D2"))
    with pytest.raises(
        ZooError,
        match=r"netD1_of_12.pth: parent has 12 entries, in .*netG.pth 4: give files of one",
    ):
        finegan.to_zoo([g, d2, named_parent])


def test_parts_without_an_official_form(tmp_path: Path) -> None:
    zoo = finegan.to_zoo(finegan_files(tmp_path))
    with pytest.raises(
        ZooError, match=r"the official netG holds .*: lacks T_child; give all of them"
    ):
        finegan.to_official({name: part for name, part in zoo.items() if name != "T_child"})
    other = PatchEncoder(image(16))
    with pytest.raises(
        ZooError, match=r"no part has an official form, only G_background, .* got .'E'"
    ):
        finegan.to_official({"E": other})
    with pytest.raises(
        ZooError, match=r"D_child: expects a code_discriminator, got a patch_encoder"
    ):
        mixnmatch.to_official({"D_child": other})
    with pytest.raises(ZooError, match=r"G_parent: expects a shape_generator, got a parent_gen"):
        mixnmatch.to_official(zoo)


# The command


def test_convert_finegan(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "birds.safetensors"
    files = map(str, finegan_files(tmp_path))
    assert main(["convert", "finegan", *files, "-o", str(out), "--licence", "BSD-2-Clause"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{out}: G_background (stage_generator), R_background (background_")
    card = inspect(out)["card"]
    assert card["licence"] == "BSD-2-Clause" and card["graphs"] == {"hierarchy": finegan.HIERARCHY}
    assert card["provenance"]["converted_from"] == finegan.SOURCE
    assert main(["info", str(out)]) == 0
    assert "G_parent: z parent -> feature" in capsys.readouterr().out


def test_convert_mixnmatch(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "mixed.safetensors"
    files = map(str, mixnmatch_files(tmp_path, "G", "E", "EX"))
    assert main(["convert", "mixnmatch", *files, "-o", str(out)]) == 0
    assert "Q_z (bounded_noise_coder), Q_b (soft_coder)" in capsys.readouterr().out
    assert main(["info", str(out)]) == 0
    assert "S: shape -> feature" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["convert", "mixnmatch", "G.pth", "-o", str(out), "--size", "64"])
    assert "unknown arguments: --size 64" in capsys.readouterr().err

"""Checkpoints of MUNIT and UNIT as zoos, and back; and those that cannot become zoos.

The state dicts are the golden ones, of the official networks with few channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import State, equal, garbage, saved, state
from golden_files import Golden, is_statistic
from safetensors.torch import save_file

import modgan
from modgan.cli import main
from modgan.components import PatchEncoder
from modgan.convert import munit, unit
from modgan.spec import InterfaceError, image
from modgan.zoo import Zoo, ZooError, inspect, load

Capture = pytest.CaptureFixture[str]
Domains = dict[str, State]


def munit_states(network: str) -> Domains:
    """Of one training, domains that differ."""
    return {side: state("munit_losses", f"sd.{network}_{side}.") for side in "ab"}


def unit_states() -> Domains:
    """The golden network, and one that differs by a tensor."""
    official = state("unit_vaegen")
    other = {key: tensor.clone() for key, tensor in official.items()}
    other["dec.model.5.conv.bias"] += 1
    return {"a": official, "b": other}


def munit_files(folder: Path) -> list[Path]:
    return [
        saved(folder / f"{network}_00010000.pt", munit_states(network))
        for network in ("gen", "dis")
    ]


def unit_file(folder: Path) -> Path:
    return saved(folder / "gen_00010000.pt", unit_states())


def reloaded(zoo: Zoo, folder: Path) -> Zoo:
    zoo.save(folder / "zoo.safetensors")
    return load(folder / "zoo.safetensors")


def as_made(official: State) -> State:
    """With the statistics of a new network, as its AdaIN layers have them."""
    return {
        key: torch.full_like(tensor, float("running_var" in key)) if is_statistic(key) else tensor
        for key, tensor in official.items()
    }


# MUNIT


def test_munit_gives_the_golden_pictures(tmp_path: Path) -> None:
    path = saved(tmp_path / "edges2shoes.pt", dict.fromkeys("ab", state("munit_gen")))
    zoo = reloaded(munit.to_zoo([path], size=32), tmp_path)
    assert {name: part.component for name, part in zoo.items() if name.endswith("_a")} == {
        "E_a": "content_encoder",
        "Q_a": "style_coder",
        "T_a": "adain_transformer",
        "R_a": "upsample_reconstructor",
    }
    golden = Golden("munit_gen")
    x, style = golden.given("x"), golden.given("style").flatten(1)
    for graph in ("a_to_b", "b_to_a"):
        golden.check("decoded", zoo.graph(graph)(image=x, style=style)["image"])
        golden.check("recon", zoo.graph(f"{graph}_guided")(image=x, guide=x)["image"])


def test_munit_reads_sizes_off_the_files(tmp_path: Path) -> None:
    files = munit_files(tmp_path)
    zoo = munit.to_zoo(files[::-1], size=48)  # in any order
    assert sorted(zoo) == [f"{role}_{side}" for role in "DEQRT" for side in "ab"]
    assert zoo.card.graphs == munit.GRAPHS
    assert zoo["E_a"].inputs["image"] == zoo["R_b"].outputs["image"] == image(48)
    assert zoo["E_b"].outputs["feature"].shape == (24, 12, 12)
    assert zoo["T_a"].config | {"n_style": 4, "n_res": 1, "hidden": 12} == zoo["T_a"].config
    assert zoo["D_a"].config | {"width": 6, "n_layers": 3, "n_scales": 3} == zoo["D_a"].config
    assert munit.to_zoo(files)["Q_a"].inputs["image"] == image(256)
    assert list(munit.to_zoo(files[1:]).card.graphs) == []


def test_both_domains_share_the_space_of_content_alone(tmp_path: Path) -> None:
    zoo = munit.to_zoo(munit_files(tmp_path)[:1], size=48)
    content = zoo["E_a"].outputs["feature"].space
    assert content.startswith("content@") and not content.endswith("@training")
    assert {zoo[f"E_{side}"].outputs["feature"].space for side in "ab"} == {content}
    assert {zoo[f"T_{side}"].inputs["feature"].space for side in "ab"} == {content}
    x, style = torch.rand(1, 3, 48, 48), torch.rand(1, 4)
    for source in "ab":
        for target in "ab":
            steps = [f"E_{source}", f"T_{target}", f"R_{target}"]
            assert modgan.compose(steps, zoo)(image=x, style=style)["image"].shape == x.shape
    for steps in (["E_a", "R_b"], ["E_a", "T_a", "R_b"], ["E_a", "T_a", "T_b", "R_b"]):
        with pytest.raises(InterfaceError, match="same shape, another space"):
            modgan.compose(steps, zoo)


def test_two_trainings_share_no_space(tmp_path: Path) -> None:
    first = munit.to_zoo(munit_files(tmp_path)[:1], size=48)
    other = munit_states("gen")
    other["a"]["enc_content.model.0.conv.bias"] += 1
    second = munit.to_zoo([saved(tmp_path / "other.pt", other)], size=48)
    mixed = {**first, "T_b": second["T_b"]}
    with pytest.raises(InterfaceError, match=r"another space: expects .* of content@"):
        modgan.compose(munit.GRAPHS["a_to_b"], mixed)


def test_munit_there_and_back_is_exact(tmp_path: Path) -> None:
    zoo = reloaded(munit.to_zoo(munit_files(tmp_path), size=48), tmp_path)
    back = munit.to_official(zoo)
    assert list(back) == ["gen", "dis"]
    for network, domains in back.items():
        for side, official in munit_states(network).items():
            assert equal(domains[side], as_made(official)), (network, side)
    alone = munit.to_official({name: part for name, part in zoo.items() if name[0] == "D"})
    assert list(alone) == ["dis"]


def test_munit_back_again_gives_the_same_zoo(tmp_path: Path) -> None:
    first = munit.to_zoo(munit_files(tmp_path)[:1], size=48)
    again = munit.to_zoo([saved(tmp_path / "gen.pt", munit.to_official(first)["gen"])], size=48)
    for name, part in first.items():
        assert equal(part.state_dict(), again[name].state_dict())
        assert part.config == again[name].config  # spaces, too


def legacy(official: State) -> State:
    """As PyTorch 0.3 wrote it: with the statistics of instance norms, in UNIT's decoder, too."""
    normed = ("enc.", "enc_content.", "dec.model.0.")
    convolutions = [key for key in official if key.endswith("conv.bias")]
    where = [key.removesuffix("conv.bias") for key in convolutions if key.startswith(normed)]
    means = {f"{layer}norm.running_mean": torch.randn(3) for layer in where}
    return official | means | {f"{layer}norm.running_var": torch.rand(3) for layer in where}


@pytest.mark.parametrize("kind", ["legacy", "bare", "safetensors", "old format"])
@pytest.mark.parametrize("source", [munit, unit])
def test_files_of_all_kinds_are_the_same(source: Any, kind: str, tmp_path: Path) -> None:
    states = munit_states("gen") if source is munit else unit_states()
    expected = source.to_zoo([saved(tmp_path / "gen.pt", states)], size=48)
    path = tmp_path / "other.pt"
    if kind == "legacy":
        saved(path, {side: legacy(official) for side, official in states.items()})
    elif kind == "bare":
        without = {
            side: {key: tensor for key, tensor in official.items() if not is_statistic(key)}
            for side, official in states.items()
        }
        saved(path, without)
    elif kind == "safetensors":
        path = path.with_suffix(".safetensors")
        flat = {f"{side}.{key}": states[side][key] for side in states for key in states[side]}
        save_file(flat, path)
    else:
        saved(path, states, legacy=True)
    found = source.to_zoo([path], size=48)
    assert list(found) == list(expected)
    for name, part in expected.items():
        assert equal(part.state_dict(), found[name].state_dict())
        assert part.config == found[name].config


# UNIT


def test_unit_gives_the_golden_pictures(tmp_path: Path) -> None:
    zoo = reloaded(unit.to_zoo([unit_file(tmp_path)], size=32), tmp_path)
    assert list(zoo) == ["E_a", "R_a", "E_b", "R_b"] and zoo.card.graphs == unit.GRAPHS
    golden = Golden("unit_vaegen")
    x = golden.given("x")
    golden.check("recon_mean", zoo.graph("b_to_a")(image=x)["image"])
    assert not torch.equal(zoo.graph("a_to_b")(image=x)["image"], zoo["R_a"](zoo["E_a"](x)))
    assert zoo["R_a"].config | {"n_res": 2, "n_up": 2} == zoo["R_a"].config
    assert len({zoo[f"E_{side}"].outputs["feature"].space for side in "ab"}) == 1


def test_unit_there_and_back_is_exact(tmp_path: Path) -> None:
    critics = saved(tmp_path / "dis.pt", dict.fromkeys("ab", state("munit_dis")))
    zoo = reloaded(unit.to_zoo([unit_file(tmp_path), critics], size=64), tmp_path)
    back = unit.to_official(zoo)
    for side, official in unit_states().items():
        assert equal(back["gen"][side], official)
        assert equal(back["dis"][side], state("munit_dis"))
    golden = Golden("munit_dis")
    for k, score in enumerate(zoo["D_b"](golden.given("x"))):
        golden.check(f"scale{k}", score)


# Refusals


@pytest.mark.parametrize(
    ("network", "change", "text"),
    [
        (
            "gen",
            {"dec.model.2.norm.gamma": None},
            r"the gen of MUNIT that its shapes say: missing b",
        ),
        ("gen", {"extra": torch.ones(1)}, "missing nothing; unknown b.extra; only networks"),
        ("gen", {"mlp.model.0.fc.weight": torch.ones(4)}, r"b.mlp.* should have 2 axes, is \[4\]"),
        ("gen", {"mlp.model.2.fc.bias": torch.ones(7)}, r"float32 \[96\], is torch.float32 \[7\]"),
        (
            "gen",
            {"enc_style.model.0.conv.weight": torch.ones(5, 3, 7, 7)},
            r"b\.enc_style\.model\.0\.conv\.bias should be torch\.float32 \[5\], is .* \[6\]",
        ),
        (
            "gen",
            {"dec.model.0.model.0.model.0.conv.weight": None},
            "an AdaIN transformer has n_res 1 or more, .* got n_res 0",
        ),
        (
            "dis",
            {"cnns.1.3.bias": None},
            "the dis of MUNIT that its shapes say: missing b.cnns.1.3",
        ),
        ("dis", {"cnns.0.0.conv.weight": None}, r"b\.cnns\.0\.0\.conv\.weight .* is missing"),
    ],
)
def test_damaged_networks(network: str, change: dict[str, Any], text: str, tmp_path: Path) -> None:
    states = munit_states(network)
    changed = states["b"] | change
    states["b"] = {key: tensor for key, tensor in changed.items() if tensor is not None}
    with pytest.raises(ZooError, match=rf"x\.pt: .*{text}"):
        munit.to_zoo([saved(tmp_path / "x.pt", states)], size=48)


def test_a_space_that_is_not_shared(tmp_path: Path) -> None:
    states = {"a": munit_states("gen")["a"], "b": state("munit_gen")}
    text = r"share no space: a makes 24×12×12 .*, b 32×12×12 .*; only networks of one training"
    with pytest.raises(ZooError, match=text):
        munit.to_zoo([saved(tmp_path / "x.pt", states)], size=48)


def test_munit_and_unit_are_told_apart(tmp_path: Path) -> None:
    first, other = munit_files(tmp_path)[0], saved(tmp_path / "unit.pt", unit_states())
    with pytest.raises(
        ZooError, match=r"no network of MUNIT: .*it may be UNIT: modgan convert unit"
    ):
        munit.to_zoo([other])
    with pytest.raises(ZooError, match=r"no network of UNIT: .* it is MUNIT: modgan convert munit"):
        unit.to_zoo([first])


UNREADABLE = [
    (lambda path: saved(path, state("munit_gen")), r"of two domains, .* got 'dec.model.0.* more$"),
    (lambda path: saved(path, {"a": state("munit_gen")}), r"of two domains, .* got 'a'$"),
    (lambda path: saved(path, {"gen": {}, "dis": {}}), r"got 'gen', 'dis'$"),
    (lambda path: saved(path, [torch.ones(1)]), r"as the program writes them; got list$"),
    (lambda path: saved(path, {"a": {}, "b": {}}), r"of two domains, .* got nothing$"),
    (
        lambda path: saved(path, {"a": {"x": 3}, "b": {"x": 3}}),
        r"expects a state dict, .*'b.x': int",
    ),
    (lambda path: saved(path, {"a": 3, "b": torch.ones(1)}), r"two domains, .* got 'a', 'b'$"),
    (garbage, r"cannot be read as a checkpoint of tensors alone"),
]


@pytest.mark.parametrize(("make", "text"), UNREADABLE)
@pytest.mark.parametrize("source", [munit, unit])
def test_unreadable_files(source: Any, make: Any, text: str, tmp_path: Path) -> None:
    with pytest.raises(ZooError, match=rf"x\.pt: .*{text}"):
        source.to_zoo([make(tmp_path / "x.pt")])


def test_what_does_not_go_together(tmp_path: Path) -> None:
    gen, dis = munit_files(tmp_path)
    with pytest.raises(ZooError, match=r"gen_00010000.pt: a second E_a, beside gen_00010000.pt"):
        munit.to_zoo([gen, gen], size=48)
    with pytest.raises(ZooError, match=r"dis_00010000.pt: a multi-scale discriminator of 3 scales"):
        munit.to_zoo([dis], size=24)
    with pytest.raises(ZooError, match=r"gen_00010000.pt: an encoder that reduces 4 times"):
        munit.to_zoo([gen], size=30)
    for source in (munit, unit):
        with pytest.raises(ZooError, match="no checkpoint to convert: name one file or more"):
            source.to_zoo([])


def test_parts_without_an_official_form(tmp_path: Path) -> None:
    zoo = munit.to_zoo(munit_files(tmp_path), size=48)
    fewer = {name: part for name, part in zoo.items() if name not in ("Q_a", "T_b")}
    with pytest.raises(ZooError, match=r"gen holds E_a, Q_a, .* lacks Q_a, T_b; give all of them"):
        munit.to_official(fewer)
    with pytest.raises(
        ZooError, match=r"no part has an official form, only E_a, E_b, .* got \['E'"
    ):
        unit.to_official({"E": zoo["E_a"]})
    with pytest.raises(ZooError, match=r"E_a: expects a content_encoder, got a patch_encoder"):
        munit.to_official({**zoo, "E_a": PatchEncoder(image(16))})


# The command


@pytest.mark.parametrize("source", ["munit", "unit"])
def test_the_command(source: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "zoo.safetensors"
    file = munit_files(tmp_path)[0] if source == "munit" else unit_file(tmp_path)
    asked = ["-o", str(out), "--size", "32", "--licence", "CC-BY-NC-SA-4.0"]
    assert main(["convert", source, str(file), *asked]) == 0
    assert capsys.readouterr().out.startswith(f"{out}: E_a (content_encoder), ")
    card = inspect(out)["card"]
    assert card["licence"] == "CC-BY-NC-SA-4.0"
    module = munit if source == "munit" else unit
    assert card["graphs"] == module.GRAPHS
    assert card["provenance"]["converted_from"] == module.SOURCE
    assert main(["info", str(out)]) == 0
    assert "graph b_to_a" in capsys.readouterr().out

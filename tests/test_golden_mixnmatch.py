"""MixNMatch's networks against the official program's numbers, and how its two modes meet.

Axes: B batch, C channels, H W positions, n labels.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from golden_files import Golden, fullsize
from hierarchy_parts import (
    DD,
    SEEN,
    Parts,
    exact,
    feature_critic,
    mixnmatch_parts,
    official_tensors,
    painted,
    silence,
)
from torch import Tensor, nn

import modgan
from modgan.component import Component
from modgan.components import (
    BackgroundDiscriminator,
    BackgroundPainter,
    BoundedNoiseCoder,
    ChildTransformer,
    CodeDiscriminator,
    FeatureDiscriminator,
    PairDiscriminator,
    ShapeGenerator,
    SoftCoder,
    StageGenerator,
    StagePainter,
    UnetEncoder,
)
from modgan.convert import mixnmatch
from modgan.convert.hierarchy import numbered
from modgan.layers import Noise
from modgan.spec import FeatureSpec, image, onehot

modes = pytest.mark.parametrize("mode", ["eval", "train"])


def inputs(golden: Golden, *names: str, double: bool = False) -> dict[str, Tensor]:
    given = {name: golden.given(name) for name in names}
    return {name: value.double() if double else value for name, value in given.items()}


@modes
def test_generator_from_codes(mode: str) -> None:
    """In training mode the official float32 is coarser than 1e-5: float64 is compared."""
    golden, training = Golden("mixnmatch_G"), mode == "train"
    parts = mixnmatch_parts("G")
    parts = exact(parts, training) if training else parts
    made = painted(parts, **inputs(golden, "z", "b", "p", "c", double=training))
    prefix = f"{mode}.code."
    recorded = [name for name in golden.tensors if name.startswith(f"out.{prefix}")]
    for name in recorded:
        short = name.removeprefix(f"out.{prefix}")
        golden.check(f"{prefix}{short}", made[short])
    assert len(recorded) >= 9
    if training:
        golden.check_statistics(official_tensors(parts, {"": mixnmatch.GENERATOR}, statistics=True))


def test_generator_from_a_feature() -> None:
    golden, parts = Golden("mixnmatch_G"), mixnmatch_parts("G")
    made = painted(parts, **inputs(golden, "feature", "z", "b", "c"))
    recorded = [name for name in golden.tensors if name.startswith("out.eval.feature.")]
    for name in recorded:
        short = name.removeprefix("out.eval.feature.")
        golden.check(f"eval.feature.{short}", made[short])
    assert len(recorded) == 9


def test_background_and_parent_may_have_noise_of_their_own() -> None:
    golden, parts = Golden("mixnmatch_G"), mixnmatch_parts("G")
    given = inputs(golden, "z", "z2", "b", "p", "c")
    made = painted(parts, z_background=given.pop("z"), z=given.pop("z2"), **given)
    golden.check("eval.code_twoz.fake_img.child", made["fake_img.child"])


@modes
def test_coders(mode: str) -> None:
    golden, training = Golden("mixnmatch_E"), mode == "train"
    parts = mixnmatch_parts("E")
    x = golden.given("x")
    parts = {name: part.train(training) for name, part in parts.items()}
    golden.check(f"{mode}.z", parts["Q_z"](x))
    for code in "bpc":
        coder = parts[f"Q_{code}"]
        golden.check(f"{mode}.{code}_logits", coder.scores(x))  # type: ignore[operator]
        if training:
            continue
        golden.check(f"eval.softmax.{code}", coder(x))
    if training:
        network = {"": mixnmatch.NETWORKS["E"]}
        golden.check_statistics(official_tensors(parts, network, statistics=True))


def test_noise_read_from_a_picture_is_between_minus_4_and_4() -> None:
    coder = BoundedNoiseCoder(image(16), n_z=6, widths=(4, 4))
    last = coder.get_parameter("head.bias")
    nn.init.zeros_(coder.get_parameter("head.weight"))
    x = torch.rand(2, 3, 16, 16)
    for bias, expected in ((-50.0, -4.0), (0.0, 0.0), (50.0, 4.0)):
        nn.init.constant_(last, bias)
        assert coder(x).eq(expected).all()
    coder = BoundedNoiseCoder(image(16), n_z=6, widths=(4, 4))
    z = coder(100 * torch.randn(8, 3, 16, 16))
    assert z.abs().max() <= 4 and z.std() > 0


@modes
def test_shape_encoder(mode: str) -> None:
    golden, training = Golden("mixnmatch_EX"), mode == "train"
    parts = mixnmatch_parts("G", "EX")
    parts = exact(parts, training) if training else parts
    x = golden.given("x")
    golden.check(f"{mode}.y", parts["S"](x.double() if training else x))
    if training:
        network = {"": mixnmatch.NETWORKS["EX"]}
        golden.check_statistics(official_tensors(parts, network, statistics=True))


def test_background_critic() -> None:
    golden = Golden("mixnmatch_D0")
    real, background = mixnmatch_parts("D0")["D_background"](golden.given("x"))
    golden.check("eval.rf_score", real.sigmoid())
    golden.check("eval.class_score", background.sigmoid())


@modes
@pytest.mark.parametrize("network", ["D1", "D2"])
def test_code_critics(network: str, mode: str) -> None:
    golden, parts = Golden(f"mixnmatch_{network}"), mixnmatch_parts(network)
    (critic,) = parts.values()
    real, codes = critic.train(mode == "train")(golden.given("x"))
    golden.check(f"{mode}.rf_score", real.sigmoid()[..., None, None])
    golden.check(f"{mode}.code_logits", codes)
    if mode == "train":
        keys = {"": mixnmatch.NETWORKS[network]}
        golden.check_statistics(official_tensors(parts, keys, statistics=True))


@pytest.mark.parametrize("training", [True, False])
def test_pair_critics_with_the_recorded_noise(
    training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = Golden("mixnmatch_BD")
    noise = iter([golden.given(f"noise.{i:02}") for i in range(12)])
    monkeypatch.setattr(torch, "randn_like", lambda x: next(noise))
    for code in "zbpc":
        critic = mixnmatch_parts("BD")[f"D_pair_{code}"].train(training)
        score = critic(golden.given("x"), golden.given(code))
        golden.check(f"noise.{code}", score[:, 0])
    assert not list(noise)


def test_pair_critics_without_noise() -> None:
    golden, parts = Golden("mixnmatch_BD"), mixnmatch_parts("BD")
    silence(parts)
    for code in "zbpc":
        score = parts[f"D_pair_{code}"](golden.given("x"), golden.given(code))
        golden.check(f"nonoise.{code}", score[:, 0])


def test_noise_of_pair_critics_comes_in_evaluation_too() -> None:
    """Behind every layer that reads the code, with the deviations of the paper's program."""
    critic = mixnmatch_parts("BD")["D_pair_b"].eval()
    x, code = torch.rand(1, 3, 128, 128), torch.eye(12)[:1]
    assert not torch.equal(critic(x, code), critic(x, code))
    layers = [layer for layer in critic.modules() if isinstance(layer, Noise)]
    assert [layer.std for layer in layers] == [0.5, 0.3, 0.3]
    drawn = layers[0](torch.zeros(100_000))
    assert drawn.std().item() == pytest.approx(0.5, rel=0.02) and abs(drawn.mean()) < 0.01


def test_feature_critic() -> None:
    golden = Golden("mixnmatch_DD")
    golden.check("y", feature_critic()(golden.given("feature")).sigmoid())


def test_a_feature_of_the_code_mode_gives_the_same_child_exactly() -> None:
    """S only has to learn this feature: then the feature mode paints what the code mode does."""
    golden, parts = Golden("mixnmatch_G"), mixnmatch_parts("G")
    given = inputs(golden, "z", "b", "p", "c")
    codes = painted(parts, **given)
    taken = codes["p_temp"]
    shown = painted(parts, feature=taken, **{name: given[name] for name in "zbc"})
    assert torch.equal(shown["fake_img.child"], codes["fake_img.child"])
    assert torch.equal(shown["mask.child"], codes["mask.child"])
    other = painted(parts, feature=taken.flip(0), **{name: given[name] for name in "zbc"})
    assert not torch.equal(other["fake_img.child"], codes["fake_img.child"])


def test_ready_graphs_are_the_official_ways_to_mix_pictures() -> None:
    """Noise of pose and background from their pictures, codes soft; S in the place of a code."""
    parts = mixnmatch_parts("G", "E", "EX")
    torch.manual_seed(1)
    pose, background, shape, texture = (torch.rand(2, 3, 128, 128) * 2 - 1 for _ in range(4))
    behind = {"z_background": parts["Q_z"](background), "b": parts["Q_b"](background)}
    c = parts["Q_c"](texture)
    graph = modgan.compose(mixnmatch.GRAPHS["code_mode"], parts)
    made = graph(pose=pose, background=background, shape=shape, texture=texture)
    same = painted(parts, z=parts["Q_z"](pose), p=parts["Q_p"](shape), c=c, **behind)
    assert torch.equal(made["image"], same["fake_img.child"])
    graph = modgan.compose(mixnmatch.GRAPHS["feature_mode"], parts)
    made = graph(background=background, shape=shape, texture=texture)
    same = painted(parts, feature=parts["S"](shape), c=c, **behind)
    assert torch.equal(made["image"], same["fake_img.child"])


@pytest.fixture(scope="module")
def full_parts() -> Parts:
    """Everything at the official sizes, without memory."""
    picture, parents, children = image(128), numbered(20), numbered(200)
    codes = {"z": FeatureSpec(100, space="normal"), "b": onehot("background", children)}
    codes |= {"p": onehot("parent", parents), "c": onehot("child", children)}
    half = (512, 256, 128, 64, 64, 32)
    with torch.device("meta"):
        behind = StageGenerator("background", children, half)
        inner = ShapeGenerator("parent", parents)
        shape = inner.outputs["feature"]
        dress = ChildTransformer(shape, "child", children)
        parts: dict[str, Component] = {
            "G_background": behind,
            "R_background": BackgroundPainter(behind.outputs["feature"], picture),
            "G_parent": inner,
            "R_parent": StagePainter(shape, picture, "parent"),
            "T_child": dress,
            "R_child": StagePainter(dress.outputs["feature"], picture, "child"),
            "Q_z": BoundedNoiseCoder(picture),
            "Q_b": SoftCoder(picture, "background", children),
            "Q_p": SoftCoder(picture, "parent", parents),
            "Q_c": SoftCoder(picture, "child", children),
            "S": UnetEncoder(picture, shape),
            "D_background": BackgroundDiscriminator(image(SEEN)),
            "D_parent": CodeDiscriminator(picture, "parent", parents, (32, 64, 128, 256, 256, 256)),
            "D_child": CodeDiscriminator(picture, "child", children, (64, 128, 256, *3 * (512,))),
        }
        for letter, code in codes.items():
            port = mixnmatch.CODES[letter]
            parts[f"D_pair_{letter}"] = PairDiscriminator(picture, port, code)
    return parts


@pytest.mark.parametrize(
    ("network", "n_params"),
    [
        ("G", 13_500_672),
        ("E", 77_172_232),
        ("EX", 39_126_688),
        ("D0", 666_626),
        ("D1", 3_006_357),
        ("D2", 13_320_137),
        ("BD", 17_753_028),
    ],
)
def test_networks_at_full_size(network: str, n_params: int, full_parts: Parts) -> None:
    full = fullsize(f"mixnmatch_{network}")
    parts = {name: full_parts[name] for name in mixnmatch.NETWORKS[network]}
    state = mixnmatch.to_official(parts)[network]
    prefix = full["key_prefix_in_official_files"]
    shapes = {key.removeprefix(prefix): list(tensor.shape) for key, tensor in state.items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    count = sum(p.numel() for name in mixnmatch.NETWORKS[network] for p in parts[name].parameters())
    assert count == full["n_params"] == n_params


def test_feature_critic_at_full_size() -> None:
    full = fullsize("mixnmatch_DD")
    with torch.device("meta"):
        critic = FeatureDiscriminator(FeatureSpec(16, 128, 128))
    shapes = {DD[key]: list(tensor.shape) for key, tensor in critic.state_dict().items()}
    assert shapes == {key: row["shape"] for key, row in full["keys"].items()}
    assert sum(p.numel() for p in critic.parameters()) == full["n_params"] == 174_081


@pytest.mark.parametrize("side", [32, 64, 256])
def test_other_sizes(side: int) -> None:
    """Every part at sizes that the official program does not have, wired as always."""
    doublings = side.bit_length() - 3
    widths = tuple(max(2, 8 >> i) for i in range(doublings + 1))
    picture, labels = image(side), numbered(4)
    behind = StageGenerator("background", labels, widths, n_z=3, space="background@test")
    inner = ShapeGenerator("parent", labels[:2], widths, n_z=3, space="parent@test")
    shape = inner.outputs["feature"]
    dress = ChildTransformer(shape, "child", labels, 4, 3, space="child@test")
    assert shape.shape == (widths[-1], side, side)
    few = (2, 2, 2, 2)
    parts: dict[str, Component] = {
        "G_background": behind,
        "R_background": BackgroundPainter(behind.outputs["feature"], picture),
        "G_parent": inner,
        "R_parent": StagePainter(shape, picture, "parent"),
        "T_child": dress,
        "R_child": StagePainter(dress.outputs["feature"], picture, "child"),
        "Q_z": BoundedNoiseCoder(picture, 3, few),
        "Q_b": SoftCoder(picture, "background", labels, few),
        "Q_p": SoftCoder(picture, "parent", labels[:2], few),
        "Q_c": SoftCoder(picture, "child", labels, few),
        "S": UnetEncoder(picture, shape, width=1),
    }
    for steps in mixnmatch.GRAPHS.values():
        graph = modgan.compose(steps, parts)
        values = {name: torch.rand(2, *spec.shape) for name, spec in graph.inputs.items()}
        made = graph(**values)
        for name, spec in graph.outputs.items():
            spec.check(made[name], name)
    judge: Callable[..., tuple[Tensor, ...]] = CodeDiscriminator(picture, "child", labels, few)
    assert [score.shape[1] for score in judge(made["cut_child"])] == [1, 4]
    pair = PairDiscriminator(picture, "child", onehot("child", labels), (2, 2, 2), hidden=3)
    assert pair(made["image"], torch.eye(4)[:2]).shape == (2, 1)
    if side >= 64:
        patches = (side - 36) // 4 + 1
        critic = FeatureDiscriminator(shape, (2, 2, 2))
        assert critic(parts["S"](made["image"])).shape == (2, 1, patches, patches)
        behind_critic = BackgroundDiscriminator(image(side - 2), (2, 2, 2))
        assert behind_critic.outputs["real"].shape == (1, patches, patches)

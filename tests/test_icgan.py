"""IcGAN's parts: their layers number by number, and an edit that changes one code."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modgan
from modgan.component import Component
from modgan.components import (
    ConditionalDiscriminator,
    CycleTranslator,
    DcganGenerator,
    DcganReconstructor,
    LabelCoder,
    NoiseCoder,
    PatchDiscriminator,
)
from modgan.layers import dcgan_init
from modgan.spec import FeatureSpec, InterfaceError, flags, image, onehot

B = 4
IMAGE = image(16)
FEATURE = FeatureSpec(4, 8, 8, "faces@test")
CODES = {"hair": onehot("hair", ("black", "blond", "red")), "glasses": flags(("round", "dark"))}


def count(*parts: Component) -> int:
    return sum(p.numel() for part in parts for p in part.parameters())


def codes(*rows: int) -> Tensor:
    return torch.eye(3)[list(rows)]


def normed(x: Tensor, norm: nn.Module) -> Tensor:
    """Batch norm of a training step, by hand."""
    axes = [0, 2, 3] if x.ndim == 4 else [0]
    mean, var = x.mean(axes, keepdim=True), x.var(axes, keepdim=True, unbiased=False)
    scale, shift = (p.reshape(mean.shape) for p in norm.parameters())
    return (x - mean) / (var + 1e-5).sqrt() * scale + shift


def named(part: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach() for name, p in part.named_parameters()}


def test_parameter_counts_at_official_size() -> None:
    """From the table of layers: kernel² · in · out, 2 per normed unit, biases where no norm is."""
    picture, n_z, n_y, norm = image(64), 100, 18, 2
    y = {"labels": flags([str(i) for i in range(n_y)])}
    with torch.device("meta"):
        g = DcganGenerator(y, FeatureSpec(64, 32, 32))
        r = DcganReconstructor(g.outputs["feature"], picture)
        e_z, e_y = NoiseCoder(picture), LabelCoder(picture, y)
        d = ConditionalDiscriminator(picture, y)
    grown = [n_z + n_y, 512, 256, 128, 64]
    assert count(g) == sum(16 * a * b + norm * b for a, b in pairwise(grown)) == 3_721_088
    assert count(r) == 16 * 64 * 3 + 3 == 3_075
    read = sum(25 * a * b + norm * b for a, b in pairwise([3, 32, 64, 128, 256]))
    flat = 256 * 4 * 4
    assert count(e_z) == read + flat * 4096 + norm * 4096 + 4096 * n_z + n_z == 18_273_668
    assert count(e_y) == read + flat * 512 + norm * 512 + 512 * n_y + n_y == 3_185_970
    seen = 16 * 3 * 64 + 64
    judged = sum(16 * a * b + norm * b for a, b in pairwise([64 + n_y, 128, 256, 512]))
    assert count(d) == seen + judged + 16 * 512 + 1 == 2_802_497


@pytest.mark.parametrize("side", [16, 32, 128])
def test_every_power_of_two_fits(side: int) -> None:
    picture, feature = image(side), FeatureSpec(2, side // 2, side // 2)
    parts: dict[str, Component] = {
        "Q_z": NoiseCoder(picture, n_z=3, channels=2, hidden=4),
        "Q_y": LabelCoder(picture, CODES, channels=2, hidden=4),
        "G": DcganGenerator(CODES, feature, n_z=3),
        "R": DcganReconstructor(feature, picture),
    }
    made = modgan.compose(["Q_z", "Q_y", "G", "R"], parts)(image=torch.randn(B, 3, side, side))
    d = ConditionalDiscriminator(picture, CODES, channels=2)
    assert d(made["image"], codes(0, 1, 2, 0), torch.ones(B, 2)).shape == (B, 1)


def test_generator_is_its_layers_on_codes_of_minus_one_and_one() -> None:
    g = DcganGenerator(CODES, FEATURE, n_z=5)
    z, hair, glasses = torch.randn(B, 5), codes(0, 2, 1, 1), torch.eye(2)[[0, 1, 1, 0]]
    p = named(g)
    y = torch.cat([hair, glasses], 1)
    h = torch.cat([z, torch.where(y > 0.5, 1.0, -1.0)], 1)[:, :, None, None]
    h = F.relu(normed(F.conv_transpose2d(h, p["start.0.weight"]), g.start[1]))
    last = g.grow.get_submodule("0.1")
    h = F.conv_transpose2d(h, p["grow.0.0.weight"], stride=2, padding=1)
    torch.testing.assert_close(g(z, hair, glasses), F.relu(normed(h, last)))


def test_reconstructor_is_one_layer_with_tanh() -> None:
    r = DcganReconstructor(FEATURE, IMAGE)
    f = 100 * torch.randn(B, *FEATURE.shape)
    weight, bias = r.parameters()
    expected = torch.tanh(F.conv_transpose2d(f, weight, bias, stride=2, padding=1))
    torch.testing.assert_close(r(f), expected)


def test_label_coder_writes_its_linear_output_on_the_scale_of_codes() -> None:
    q = LabelCoder(IMAGE, CODES, channels=2, hidden=8)
    x = torch.randn(B, *IMAGE.shape)
    linear = q.head(q.body(x))
    hair, glasses = q(x)
    torch.testing.assert_close(hair, (linear[:, :3] + 1) / 2)
    torch.testing.assert_close(glasses, (linear[:, 3:] + 1) / 2)


def test_coders_are_their_layers() -> None:
    q = NoiseCoder(IMAGE, n_z=5, channels=2, hidden=8)
    x = torch.randn(B, *IMAGE.shape)
    p, h = named(q), x
    for at in range(4):
        h = F.conv2d(h, p[f"body.{at}.0.weight"], stride=2, padding=2)
        h = F.relu(normed(h, q.body.get_submodule(f"{at}.1")))
    assert h.shape == (B, 16, 1, 1)
    h = F.relu(normed(h.flatten(1) @ p["body.5.weight"].T, q.body[6]))
    torch.testing.assert_close(q(x), h @ p["head.weight"].T + p["head.bias"])


def test_discriminator_is_its_layers_with_codes_after_the_first() -> None:
    d = ConditionalDiscriminator(IMAGE, CODES, channels=3)
    x, hair, glasses = torch.randn(B, *IMAGE.shape), codes(1, 0, 2, 2), torch.ones(B, 2)
    p = named(d)
    h = F.leaky_relu(F.conv2d(x, p["look.0.weight"], p["look.0.bias"], 2, 1), 0.2)
    y = torch.where(torch.cat([hair, glasses], 1) > 0.5, 1.0, -1.0)
    h = torch.cat([h, y[:, :, None, None].expand(-1, -1, 8, 8)], 1)
    h = normed(F.conv2d(h, p["trunk.0.0.weight"], None, 2, 1), d.trunk.get_submodule("0.1"))
    expected = F.conv2d(F.leaky_relu(h, 0.2), p["head.weight"], p["head.bias"])[:, :, 0, 0]
    torch.testing.assert_close(d(x, hair, glasses), expected)


def test_weights_start_as_in_dcgan() -> None:
    layers = nn.ModuleDict(
        {
            "conv": nn.Conv2d(20, 50, 5),
            "up": nn.ConvTranspose2d(50, 20, 5),
            "plain": nn.Conv2d(3, 4, 1, bias=False),
            "linear": nn.Linear(50, 3),
            "norm": nn.BatchNorm2d(5000),
            "flat": nn.BatchNorm1d(5000),
        }
    )
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    dcgan_init(layers)
    after = layers.state_dict()
    for name, mean in (("conv", 0), ("up", 0), ("norm", 1), ("flat", 1)):
        weight = after[f"{name}.weight"]
        assert abs(weight.mean() - mean) < 0.002 and abs(weight.std() - 0.02) < 0.001
        assert not after[f"{name}.bias"].any()
    for name in ("linear.weight", "linear.bias"):
        assert torch.equal(after[name], before[name])


def test_every_part_starts_so() -> None:
    parts: list[Component] = [
        DcganGenerator(CODES, FEATURE, n_z=5),
        DcganReconstructor(FeatureSpec(64, 8, 8), IMAGE),
        NoiseCoder(IMAGE, channels=8, hidden=16),
        LabelCoder(IMAGE, CODES, channels=8, hidden=16),
        ConditionalDiscriminator(IMAGE, CODES, channels=8),
        CycleTranslator(IMAGE, channels=8, n_res=1),
        PatchDiscriminator(image(32), channels=8),
    ]
    for part in parts:
        kinds = (nn.Conv2d, nn.ConvTranspose2d)
        weights = [m.weight.flatten() for m in part.modules() if isinstance(m, kinds)]
        assert 0.017 < torch.cat(weights).std() < 0.023, part.component


@pytest.fixture
def parts() -> dict[str, Component]:
    torch.manual_seed(0)
    made: dict[str, Component] = {
        "Q_z": NoiseCoder(IMAGE, n_z=5, channels=2, hidden=8),
        "Q_y": LabelCoder(IMAGE, CODES, channels=2, hidden=8),
        "G": DcganGenerator(CODES, FEATURE, n_z=5),
        "R": DcganReconstructor(FEATURE, IMAGE),
    }
    for part in made.values():
        part.eval()
    return made


def test_an_edit_is_the_reconstruction_with_one_code_given(parts: dict[str, Component]) -> None:
    x, red = torch.randn(B, *IMAGE.shape), codes(2, 2, 2, 2)
    again = modgan.compose(["Q_z", "Q_y", "G", "R"], parts)
    edit = modgan.compose(["Q_z", "Q_y: image -> _ glasses", "G", "R"], parts)
    assert list(again.inputs) == ["image"] and list(edit.inputs) == ["image", "hair"]
    read, glasses = parts["Q_y"](x)
    assert torch.equal(edit(image=x, hair=read)["image"], again(image=x)["image"])
    made = parts["R"](parts["G"](parts["Q_z"](x), red, glasses))
    assert torch.equal(edit(image=x, hair=red)["image"], made)


def test_people_edit_by_label(parts: dict[str, Component]) -> None:
    edit = modgan.compose(["Q_z", "Q_y: image -> _ glasses", "G", "R"], parts)
    x = torch.rand(1, *IMAGE.shape)
    assert edit.apply(image=x, hair="red")["image"][0].size == (16, 16)
    with pytest.raises(LookupError, match="no label of 'hair' named 'grey'"):
        edit.apply(image=x, hair="grey")


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: DcganGenerator(CODES, FeatureSpec(8, 6, 6)), "feature is a square of 4, 8, 16"),
        (lambda: DcganGenerator(CODES, FeatureSpec(8, 8, 4)), "feature is a square of 4, 8, 16"),
        (lambda: DcganGenerator({"z": CODES["hair"]}, FEATURE), "beside 'z', .* got z: 3 of"),
        (lambda: DcganGenerator({"f": FEATURE}, FEATURE), "got f: 4×8×8 of faces@test"),
        (lambda: DcganReconstructor(FEATURE, image(8)), r"2 times gives \[16, 16\], not 3×8×8"),
        (lambda: DcganReconstructor(FeatureSpec(8), IMAGE), r"enlarges 8 2 times gives \[\]"),
        (lambda: NoiseCoder(image(24)), "square pictures of a multiple of 16, got 3×24×24"),
        (lambda: NoiseCoder(FeatureSpec(3, 16, 32)), "square pictures of a multiple of 16"),
        (lambda: LabelCoder(image(8), CODES), "square pictures of a multiple of 16, got 3×8×8"),
        (lambda: LabelCoder(IMAGE, {}), "a label coder writes vectors, at least one; got none"),
        (lambda: LabelCoder(IMAGE, {"f": FEATURE}), "writes vectors, .* got f: 4×8×8"),
        (lambda: ConditionalDiscriminator(image(24), CODES), "a square of 8, 16, 32, …; got 3×24"),
        (lambda: ConditionalDiscriminator(image(4), CODES), "a square of 8, 16, 32, …; got 3×4"),
        (lambda: ConditionalDiscriminator(IMAGE, {"image": CODES["hair"]}), "beside 'image'"),
    ],
)
def test_impossible_sizes_are_refused(make: Callable[[], Component], text: str) -> None:
    with pytest.raises(InterfaceError, match=text):
        make()

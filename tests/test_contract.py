"""One contract for every registered component, and the paper's layers by their formulas.

A new component needs one line in EXAMPLES; nothing here knows what it computes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from modgan.component import (
    NAME,
    TAKEN,
    Component,
    build,
    component_class,
    from_json,
    list_components,
    to_json,
)
from modgan.components import (
    AdainTransformer,
    AttributeCoder,
    BackgroundDiscriminator,
    BackgroundPainter,
    BoundedNoiseCoder,
    ChildTransformer,
    CodeDiscriminator,
    ConditionalDiscriminator,
    ConditionalReconstructor,
    ContentEncoder,
    ConvEncoder,
    ConvGenerator,
    ConvReconstructor,
    CycleTranslator,
    DcganGenerator,
    DcganReconstructor,
    DomainDiscriminator,
    FeatureDiscriminator,
    FilmTransformer,
    LabelCoder,
    LabelDiscriminator,
    LeanGenerator,
    MaskedTransformer,
    MultiHeadDiscriminator,
    MultiScaleDiscriminator,
    NoiseCoder,
    NoiseGenerator,
    OpenTransformer,
    PairDiscriminator,
    ParentGenerator,
    PatchDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    PlacedGenerator,
    PooledCoder,
    ResidualGenerator,
    ResidualTransformer,
    ShapeGenerator,
    SharedEncoder,
    SharedReconstructor,
    SoftCoder,
    StageGenerator,
    StagePainter,
    StarDiscriminator,
    StarTranslator,
    StyleCoder,
    UnetEncoder,
    UpsampleReconstructor,
)
from modgan.spec import FeatureSpec, flags, image, onehot
from modgan.zoo import Card, Zoo, load

B = 3
IMAGE = image(16)
FEATURE = FeatureSpec(8, 4, 4, "faces@test")
# Not in the order of the alphabet: nothing may sort them.
ATTRIBUTES = {"smile": ["no", "yes"], "hair": ["black", "blond", "red"], "age": ["old", "new"]}
LABELS = ("black", "blond", "red")
WHOLE = FeatureSpec(6, 16, 16, "faces@test")  # as large as its picture
TINY_PAIR = ((4, 8), 16, (0.0, 0.0))  # no noise, which would come in evaluation mode, too
CODES = {"hair": onehot("hair", LABELS), "labels": flags(["young", "bald"])}

EXAMPLES: dict[str, Callable[[], Component]] = {
    "adain_transformer": lambda: AdainTransformer(FEATURE, 5, 2, hidden=6, space="red@test"),
    "attribute_coder": lambda: AttributeCoder(IMAGE, ATTRIBUTES, channels=4),
    "background_discriminator": lambda: BackgroundDiscriminator(IMAGE, (4, 4), (2, 1)),
    "background_painter": lambda: BackgroundPainter(WHOLE, IMAGE),
    "bounded_noise_coder": lambda: BoundedNoiseCoder(IMAGE, n_z=5, widths=(4, 8, 4)),
    "child_transformer": lambda: ChildTransformer(WHOLE, "hair", LABELS, 4, 5, space="hair@test"),
    "code_discriminator": lambda: CodeDiscriminator(IMAGE, "hair", LABELS, widths=(4, 8, 4)),
    "conditional_discriminator": lambda: ConditionalDiscriminator(IMAGE, CODES, channels=4),
    "conditional_reconstructor": lambda: ConditionalReconstructor(FEATURE, IMAGE, CODES, width=4),
    "content_encoder": lambda: ContentEncoder(IMAGE, width=2, n_res=1, space="faces@test"),
    "conv_encoder": lambda: ConvEncoder(IMAGE, channels=8, n_res=1, space="faces@test"),
    "conv_generator": lambda: ConvGenerator(FeatureSpec(8, 8, 8), "digit", LABELS, n_z=5),
    "conv_reconstructor": lambda: ConvReconstructor(FEATURE, IMAGE),
    "cycle_translator": lambda: CycleTranslator(IMAGE, channels=4, n_res=1),
    "dcgan_generator": lambda: DcganGenerator(CODES, FeatureSpec(4, 8, 8, "faces@test"), n_z=5),
    "dcgan_reconstructor": lambda: DcganReconstructor(FEATURE, image(8)),
    "domain_discriminator": lambda: DomainDiscriminator(FEATURE, ATTRIBUTES, 4, 1, hidden=6),
    "feature_discriminator": lambda: FeatureDiscriminator(WHOLE, (4,), (2,)),
    "film_transformer": lambda: FilmTransformer(FEATURE, "hair", LABELS, 6, channels=4),
    "label_coder": lambda: LabelCoder(IMAGE, CODES, channels=4, hidden=16),
    "label_discriminator": lambda: LabelDiscriminator(IMAGE, ATTRIBUTES, channels=4, n_down=2),
    "lean_generator": lambda: LeanGenerator("hair", LABELS, (8, 4), n_z=5),
    "masked_transformer": lambda: MaskedTransformer(FEATURE, "hair", LABELS, n_res=2),
    "multi_head_discriminator": lambda: MultiHeadDiscriminator(IMAGE, ATTRIBUTES, 4, n_down=2),
    "multi_scale_discriminator": lambda: MultiScaleDiscriminator(IMAGE, width=4, n_layers=2),
    "placed_generator": lambda: PlacedGenerator("hair", LABELS, (8, 4), n_z=7),
    "pooled_coder": lambda: PooledCoder(IMAGE, ATTRIBUTES, channels=4),
    "noise_coder": lambda: NoiseCoder(IMAGE, n_z=5, channels=4, hidden=16),
    "noise_generator": lambda: NoiseGenerator(FeatureSpec(4, 8, 8, "faces@test"), n_z=5),
    "open_transformer": lambda: OpenTransformer(FEATURE, "hair", LABELS, 1, width=4),
    "pair_discriminator": lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"], *TINY_PAIR),
    "parent_generator": lambda: ParentGenerator("hair", LABELS, (8, 4, 4), 3, n_z=5),
    "patch_discriminator": lambda: PatchDiscriminator(IMAGE, channels=4, n_layers=2),
    "patch_encoder": lambda: PatchEncoder(IMAGE, channels=48, n_res=1, space="faces@test"),
    "patch_reconstructor": lambda: PatchReconstructor(FEATURE, image(8), patch=2),
    "residual_generator": lambda: ResidualGenerator(
        FEATURE, "digit", LABELS, n_z=5, width=4, choices=(3, 2)
    ),
    "residual_transformer": lambda: ResidualTransformer(FEATURE, "hair", LABELS, 1, width=4),
    "shape_generator": lambda: ShapeGenerator("hair", LABELS, (8, 4), n_z=5, space="faces@test"),
    "shared_encoder": lambda: SharedEncoder(FEATURE, space="common@test"),
    "shared_reconstructor": lambda: SharedReconstructor(FEATURE, space="faces@test"),
    "soft_coder": lambda: SoftCoder(IMAGE, "hair", LABELS, widths=(4, 8, 4)),
    "stage_generator": lambda: StageGenerator("hair", LABELS, (8, 4, 6), n_z=5),
    "stage_painter": lambda: StagePainter(WHOLE, IMAGE, "hair"),
    "star_discriminator": lambda: StarDiscriminator(IMAGE, ATTRIBUTES, channels=4, n_down=2),
    "star_translator": lambda: StarTranslator(IMAGE, CODES, channels=4, n_res=1),
    "style_coder": lambda: StyleCoder(IMAGE, n_style=5, width=4, n_down=3),
    "unet_encoder": lambda: UnetEncoder(IMAGE, WHOLE, width=4),
    "upsample_reconstructor": lambda: UpsampleReconstructor(FEATURE, IMAGE, n_res=1),
}
every = pytest.mark.parametrize("name", EXAMPLES)


def values(part: Component, count: int = B) -> tuple[Tensor, ...]:
    """Inputs in port order: codes for ports of codes, pictures in -1..1, noise else."""
    return tuple(_value(spec, count) for spec in part.inputs.values())


def _value(spec: FeatureSpec, count: int) -> Tensor:
    if spec.space.startswith("onehot"):
        return torch.eye(spec.channels)[torch.arange(count) % spec.channels]
    if spec.space == "flags":
        return torch.arange(count * spec.channels).reshape(count, -1).remainder(3).bool().float()
    noise = torch.randn(count, *spec.shape)
    return noise.tanh() if spec.space == "image[-1,1]" else noise


def run(part: Component, *inputs: Tensor) -> tuple[Tensor, ...]:
    out = part(*inputs)
    return out if isinstance(out, tuple) else (out,)


def assert_equal(a: tuple[Tensor, ...], b: tuple[Tensor, ...]) -> None:
    assert len(a) == len(b) > 0
    for left, right in zip(a, b, strict=True):
        assert torch.equal(left, right)


def test_every_registered_component_has_an_example() -> None:
    assert sorted(EXAMPLES) == list_components(), "add a tiny instance to EXAMPLES"
    for name, make in EXAMPLES.items():
        assert make().component == name


@every
def test_outputs_are_what_the_ports_declare(name: str) -> None:
    part = EXAMPLES[name]()
    out = run(part, *values(part))
    assert len(out) == len(part.outputs)
    for tensor, (port, spec) in zip(out, part.outputs.items(), strict=True):
        spec.check(tensor, port)
        assert len(tensor) == B and tensor.dtype == torch.float32 and tensor.isfinite().all()
        if spec.space == "mask[0,1]":
            assert 0 <= tensor.min() and tensor.max() <= 1
        assert tensor.std() > 0


@every
def test_port_names_are_legal_and_classes_documented(name: str) -> None:
    part = EXAMPLES[name]()
    for port in (*part.inputs, *part.outputs):
        assert NAME.match(port) and port not in TAKEN
    assert "Ports:" in (component_class(name).__doc__ or "")


@every
def test_samples_of_a_batch_do_not_mix(name: str) -> None:
    part = EXAMPLES[name]().eval()
    inputs = values(part)
    together = run(part, *inputs)
    for at in range(B):
        alone = run(part, *(value[at : at + 1] for value in inputs))
        for whole, single in zip(together, alone, strict=True):
            torch.testing.assert_close(single[0], whole[at], rtol=1e-5, atol=1e-5)


@every
def test_every_input_matters_to_some_output(name: str) -> None:
    part = EXAMPLES[name]().eval()
    inputs = values(part)
    before = run(part, *inputs)
    for at, value in enumerate(inputs):
        changed = [*inputs]
        changed[at] = value.roll(1, 0)
        after = run(part, *changed)
        assert any(not torch.allclose(a, b) for a, b in zip(before, after, strict=True))


@every
def test_config_goes_through_json(name: str) -> None:
    part = EXAMPLES[name]().eval()
    text = json.dumps(to_json(part.config))
    twin = build(part.component, **from_json(json.loads(text), name)).eval()
    assert list(twin.inputs.items()) == list(part.inputs.items())
    assert list(twin.outputs.items()) == list(part.outputs.items())
    twin.load_state_dict(part.state_dict(), strict=True)
    inputs = values(part)
    assert_equal(run(twin, *inputs), run(part, *inputs))


@every
def test_zoo_round_trip_by_value(name: str, tmp_path: Path) -> None:
    part = EXAMPLES[name]().eval()
    Zoo({"X": part}, Card("CC0-1.0")).save(tmp_path / "x.safetensors")
    twin = load(tmp_path / "x.safetensors")["X"]
    assert list(twin.outputs.items()) == list(part.outputs.items())
    assert list(twin.inputs.items()) == list(part.inputs.items())
    assert twin.config == part.config and not twin.training
    inputs = values(part)
    assert_equal(run(twin, *inputs), run(part, *inputs))


@every
def test_gradients_reach_every_parameter(name: str) -> None:
    part = EXAMPLES[name]()
    torch.stack(
        [(o * torch.randn_like(o)).sum() for o in run(part, *values(part))]
    ).sum().backward()
    silent = [key for key, p in part.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


@every
def test_evaluation_is_deterministic_and_leaves_inputs_alone(name: str) -> None:
    part = EXAMPLES[name]().eval()
    inputs = values(part)
    kept = tuple(value.clone() for value in inputs)
    state = copy.deepcopy(part.state_dict())
    assert_equal(run(part, *inputs), run(part, *inputs))
    assert_equal(inputs, kept)
    assert_equal(tuple(state.values()), tuple(part.state_dict().values()))


@every
def test_deepcopy_computes_the_same_on_its_own(name: str) -> None:
    part = EXAMPLES[name]().eval()
    twin = copy.deepcopy(part)
    inputs = values(part)
    before = run(part, *inputs)
    assert_equal(run(twin, *inputs), before)
    with torch.no_grad():
        for p in twin.parameters():
            p.zero_()
    assert_equal(run(part, *inputs), before)


@every
def test_all_state_is_in_the_state_dict(name: str) -> None:
    part = EXAMPLES[name]()
    named = {key for key, _ in (*part.named_parameters(), *part.named_buffers())}
    assert named == set(part.state_dict())


@every
def test_builds_without_memory(name: str) -> None:
    part = EXAMPLES[name]()
    with torch.device("meta"):
        twin = EXAMPLES[name]()
    for key, tensor in twin.state_dict().items():
        assert tensor.is_meta and tensor.shape == part.state_dict()[key].shape


@every
def test_exports_to_a_program_without_our_code(name: str) -> None:
    part = EXAMPLES[name]().eval()
    inputs = values(part)
    out = torch.export.export(part, inputs).module()(*inputs)
    assert_equal(out if isinstance(out, tuple) else (out,), run(part, *inputs))


# The paper's layers


def test_masked_transformer_is_the_papers_formula() -> None:
    part = MaskedTransformer(FEATURE, "hair", LABELS, n_res=2).eval()
    f, a = values(part)
    where = torch.cat([f, a[:, :, None, None].expand(-1, -1, 4, 4)], 1)
    changed = part.body(where)
    g = (1 + torch.tanh(part.mask(changed))) / 2
    out, mask = part(f, a)
    torch.testing.assert_close(mask, g, rtol=0, atol=1e-6)
    torch.testing.assert_close(out, g * changed + (1 - g) * f, rtol=0, atol=1e-6)


def test_a_closed_mask_leaves_the_feature_and_an_open_one_replaces_it() -> None:
    part = ResidualTransformer(FEATURE, "hair", LABELS, n_res=1, width=4).eval()
    f, a = values(part)
    named = dict(part.named_parameters())
    torch.nn.init.zeros_(named["mask.weight"])
    torch.nn.init.constant_(named["mask.bias"], -20.0)
    closed, g = part(f, a)
    assert torch.equal(closed, f) and not g.any()
    torch.nn.init.constant_(named["mask.bias"], 20.0)
    opened, g = part(f, a)
    assert g.eq(1).all()
    where = torch.cat([f, a[:, :, None, None].expand(-1, -1, 4, 4)], 1)
    torch.testing.assert_close(opened, f + part.change(part.body(where)))


def test_patch_encoder_and_reconstructor_start_orthogonal() -> None:
    encoder = PatchEncoder(IMAGE, channels=48, n_res=0)
    reconstructor = PatchReconstructor(encoder.outputs["feature"], IMAGE, n_res=0)
    x = _value(IMAGE, B)
    torch.testing.assert_close(encoder(x).norm(), x.norm())  # nothing is lost
    first, last = (dict(p.named_parameters()) for p in (encoder, reconstructor))
    with torch.no_grad():
        last["head.0.weight"].copy_(first["stem.1.weight"].transpose(0, 1))
    torch.testing.assert_close(reconstructor.head(encoder(x)), x)  # the mirror undoes it
    assert (reconstructor(encoder(x)) - x).norm() < 0.1 * x.norm()


def test_heads_follow_the_order_of_the_attributes() -> None:
    for name in ("multi_head_discriminator", "label_discriminator"):
        names = list(EXAMPLES[name]().outputs)
        assert names == [*(f"real_{a}" for a in ATTRIBUTES), *ATTRIBUTES]
    for name in ("attribute_coder", "pooled_coder"):
        assert list(EXAMPLES[name]().outputs) == list(ATTRIBUTES)


def test_what_a_pooled_coder_reads_may_lie_anywhere() -> None:
    Q = PooledCoder(image(64), ATTRIBUTES, channels=4).eval()
    here = torch.zeros(1, 3, 64, 64)
    here[..., 16:24, 16:24] = torch.rand(3, 8, 8)
    there = here.roll((16, -16 + 32), (2, 3))
    for a, b in zip(Q(here), Q(there), strict=True):
        torch.testing.assert_close(a, b)


def test_several_attributes_share_a_trunk_but_not_their_answers() -> None:
    d = EXAMPLES["multi_head_discriminator"]()
    (x,) = values(d)
    before = run(d, x)
    with torch.no_grad():
        d.get_submodule("labels.1").weight.mul_(2)  # type: ignore[operator]
    after = run(d, x)
    same = [torch.equal(a, b) for a, b in zip(before, after, strict=True)]
    assert same == [True, True, True, True, False, True]


def test_one_convolution_answers_for_every_attribute_in_order() -> None:
    d = EXAMPLES["star_discriminator"]()
    assert list(d.outputs) == ["real", *ATTRIBUTES]
    (x,) = values(d)
    whole = d.labels(d.trunk(x))[:, :, 0, 0]  # type: ignore[operator]
    _, *found = run(d, x)
    assert_equal(tuple(found), (whole[:, :2], whole[:, 2:5], whole[:, 5:]))


def test_codes_lie_behind_the_picture_in_order() -> None:
    f = EXAMPLES["star_translator"]().eval()
    x, hair, labels = values(f)
    maps = [code[:, :, None, None].expand(-1, -1, 16, 16) for code in (hair, labels)]
    expected = f.head(f.blocks(f.stem(torch.cat([x, *maps], 1))))  # type: ignore[operator]
    assert torch.equal(f(x, hair, labels), expected)

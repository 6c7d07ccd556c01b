"""Every row of the wiring table composes from tiny parts and carries values end to end.

The parts are small but real modules of the six roles, or components; the components that play
them at full size have the same ports.
"""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from torch import Tensor, nn

import modgan
from modgan.component import Component
from modgan.components import (
    AdainTransformer,
    BackgroundPainter,
    BoundedNoiseCoder,
    ChildTransformer,
    ConditionalReconstructor,
    ContentEncoder,
    DcganGenerator,
    DcganReconstructor,
    DomainDiscriminator,
    LabelCoder,
    MultiScaleDiscriminator,
    NoiseCoder,
    NoiseGenerator,
    ParentGenerator,
    PatchEncoder,
    ShapeGenerator,
    SharedEncoder,
    SharedReconstructor,
    SoftCoder,
    StageGenerator,
    StagePainter,
    StyleCoder,
    UnetEncoder,
    UpsampleReconstructor,
)
from modgan.spec import FeatureSpec, image, mask, onehot

torch.manual_seed(0)  # parts are made as this file is read: every run has the same
B, SIZE = 3, 16
IMAGE = image(SIZE)
Z = FeatureSpec(4, space="normal")


class Mapping(Component):
    """Reads maps and vectors (vectors are repeated over positions), writes maps of one size."""

    def __init__(self, inputs: dict[str, FeatureSpec], outputs: dict[str, FeatureSpec]) -> None:
        super().__init__()
        self.declare(inputs, outputs)
        n_in = sum(spec.channels for spec in inputs.values())
        self.heads = nn.ModuleList(nn.Conv2d(n_in, s.channels, 1) for s in outputs.values())

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        side = next(s.height for s in self.outputs.values())
        maps = [v if v.ndim == 4 else v[..., None, None] for v in values]
        sized = [nn.functional.interpolate(m, size=(side, side)) for m in maps]
        return tuple(
            head(torch.cat(sized, 1)).sigmoid()
            if "mask" in spec.space
            else head(torch.cat(sized, 1))
            for head, spec in zip(self.heads, self.outputs.values(), strict=True)
        )


def space(name: str, channels: int = 5, side: int = SIZE) -> FeatureSpec:
    return FeatureSpec(channels, side, side, f"{name}@test")


F_ = space("portraits", side=4)
HAIR, SMILE = onehot("hair", ("black", "red")), onehot("smile", ("no", "yes"))
DIGIT = onehot("digit", tuple("0123456789"))
SIX, TWO = tuple("abcdef"), ("left", "right")
BG, SHAPE, CHILD = (space(name, 4) for name in ("background", "shape", "child"))


def transformer(name: str, feature: FeatureSpec, code: FeatureSpec) -> Mapping:
    return Mapping(
        {"feature": feature, name: code}, {"feature": feature, f"mask_{name}": mask(feature)}
    )


MODULAR = {
    "E": Mapping({"image": IMAGE}, {"feature": F_}),
    "G": Mapping({"z": Z, "digit": DIGIT}, {"feature": F_}),
    "T_hair": transformer("hair", F_, HAIR),
    "T_smile": transformer("smile", F_, SMILE),
    "R": Mapping({"feature": F_}, {"image": IMAGE}),
}
FROM_4 = (8, 4, 4)  # the channels at 4×4, 8×8, 16×16
HIERARCHY: dict[str, Component] = {
    "G_background": StageGenerator("background", SIX, FROM_4, 4, BG.space),
    "R_background": BackgroundPainter(BG, IMAGE),
    "G_parent": ShapeGenerator("parent", TWO, FROM_4, 1, 4, SHAPE.space),
    "R_parent": StagePainter(SHAPE, IMAGE, "parent"),
    "T_child": ChildTransformer(SHAPE, "child", SIX, 4, 4, 1, CHILD.space),
    "R_child": StagePainter(CHILD, IMAGE, "child"),
    "Q_z": BoundedNoiseCoder(IMAGE, 4, (4, 4)),
    "Q_b": SoftCoder(IMAGE, "background", SIX, (4, 4)),
    "Q_p": SoftCoder(IMAGE, "parent", TWO, (4, 4)),
    "Q_c": SoftCoder(IMAGE, "child", SIX, (4, 4)),
    "S": UnetEncoder(IMAGE, SHAPE, width=2),
}
FINEGAN: dict[str, Component] = HIERARCHY | {
    "G_parent": ParentGenerator("parent", TWO, FROM_4, 4, 1, 4, SHAPE.space)
}
CONTENT, STYLED, LOW, COMMON = (
    space("content", 8, 4),
    space("styled", 8, 4),
    space("low", 8, 4),
    space("common", 16, 2),
)
MUNIT: dict[str, Component] = {
    "E_a": ContentEncoder(IMAGE, width=2, n_res=1, space=CONTENT.space),
    "Q_b": StyleCoder(IMAGE, width=2),
    "T_b": AdainTransformer(CONTENT, n_res=1, hidden=16, space=STYLED.space),
    "R_b": UpsampleReconstructor(STYLED, IMAGE),
    "D_b": MultiScaleDiscriminator(IMAGE, width=2, n_layers=2),
}
UNIT: dict[str, Component] = {
    "E_a": ContentEncoder(IMAGE, width=2, n_res=1, space=CONTENT.space),
    "R_b": UpsampleReconstructor(CONTENT, IMAGE, n_res=1),
    "D": DomainDiscriminator(CONTENT, {"domain": ["a", "b"]}, width=2, hidden=4),
}
SHARED: dict[str, Component] = {
    "E_a": ContentEncoder(IMAGE, width=2, n_res=0, space=LOW.space),
    "E_shared": SharedEncoder(LOW, space=COMMON.space),
    "R_shared": SharedReconstructor(COMMON, space=LOW.space),
    "R_b": UpsampleReconstructor(LOW, IMAGE),
}
COGAN: dict[str, Component] = {
    "G": NoiseGenerator(space("pair", 4, 8), n_z=4),
    "R_a": DcganReconstructor(space("pair", 4, 8), IMAGE),
    "R_b": DcganReconstructor(space("pair", 4, 8), IMAGE),
    "E_b": PatchEncoder(IMAGE, channels=8, n_res=0, space="seen@test"),  # first layer of a critic
    "D": DomainDiscriminator(space("seen", 8, 4), {"real": ["made", "real"]}, width=2, hidden=4),
}
CODES = {"hair": HAIR, "smile": SMILE, "glasses": onehot("glasses", ("no", "yes"))}
ICGAN: dict[str, Component] = {
    "Q_z": NoiseCoder(IMAGE, n_z=4, channels=2, hidden=8),
    "Q_y": LabelCoder(IMAGE, CODES, channels=2, hidden=8),
    "G": DcganGenerator(CODES, space("faces", 4, 8), n_z=4),
    "R": DcganReconstructor(space("faces", 4, 8), IMAGE),
}
FADER: dict[str, Component] = {
    "E": MUNIT["E_a"],
    "R": ConditionalReconstructor(CONTENT, IMAGE, CODES, width=4),
}
for part in (*HIERARCHY.values(), *FINEGAN.values(), *COGAN.values(), *FADER.values()):
    part.eval()  # batch norm in training takes away what all samples of a batch share
TRANSLATOR = {
    "star": Mapping({"image": IMAGE, "hair": HAIR}, {"image": IMAGE}),
    "cycle_ab": Mapping({"image": IMAGE}, {"image": IMAGE}),
}
PAINT = ["G_background: z1 b -> h", "R_background: h -> image"]
BODY = ["R_parent: h image -> image m1 cut1", "T_child: h c -> h", "R_child: h image -> image m2 _"]
READ = ["Q_z: background -> z1", "Q_b: background -> b", "Q_c: texture -> c"]
WIRINGS = {
    "translation": (
        MODULAR,
        ["E", "T_hair", "T_smile", "R"],
        "image hair smile",
        "image mask_hair mask_smile",
    ),
    "generation": (
        MODULAR,
        ["G", "T_hair", "T_smile", "R"],
        "z digit hair smile",
        "image mask_hair mask_smile",
    ),
    "tree": (
        MODULAR,
        [
            "E: image -> f",
            "T_hair: f hair -> f1 m1",
            "R: f1 -> one",
            "T_smile: f1 smile -> f2 m2",
            "R: f2 -> two",
        ],
        "image hair smile",
        "one two m1 m2",
    ),
    "FineGAN": (
        FINEGAN,
        ["G_background", "R_background", "G_parent", "R_parent", "T_child", "R_child"],
        "z background parent child",
        "image mask_parent cut_parent mask_child cut_child",
    ),
    "MixNMatch, code mode": (
        HIERARCHY,
        [*READ, "Q_z: pose -> z", "Q_p: shape -> p", *PAINT, "G_parent: z p -> h", *BODY],
        "background texture pose shape",
        "image m1 cut1 m2",
    ),
    "MixNMatch, feature mode": (
        HIERARCHY,
        [*READ, *PAINT, "S: shape -> h", *BODY],
        "background texture shape",
        "image m1 cut1 m2",
    ),
    "parent without a child": (
        FINEGAN,
        ["G_background", "R_background", "G_parent", "R_parent"],
        "z background parent",
        "image mask_parent cut_parent",
    ),
    "style from a picture": (
        MUNIT,
        ["E_a", "Q_b: guide -> style", "T_b", "R_b"],
        "image guide",
        "image",
    ),
    "style sampled": (MUNIT, ["E_a", "T_b", "R_b"], "image style", "image"),
    "MUNIT, judged": (
        MUNIT,
        ["E_a", "T_b", "R_b", "D_b"],
        "image style",
        "real_0 real_1 real_2",
    ),
    "common space": (UNIT, ["E_a", "R_b"], "image", "image"),
    "common space, judged": (UNIT, ["E_a", "D"], "image", "domain"),
    "shared layers": (SHARED, ["E_a", "E_shared", "R_shared", "R_b"], "image", "image"),
    "CoGAN": (
        COGAN,
        ["G", "R_a: feature -> first", "R_b: feature -> second"],
        "z",
        "first second",
    ),
    "CoGAN, judged": (COGAN, ["G", "R_b", "E_b", "D"], "z", "real"),
    "Fader networks": (FADER, ["E", "R"], "image hair smile glasses", "image"),
    "IcGAN": (ICGAN, ["Q_z", "Q_y", "G", "R"], "image", "image"),
    "IcGAN, an edit": (
        ICGAN,
        ["Q_z", "Q_y: image -> _ smile glasses", "G", "R"],
        "image hair",
        "image",
    ),
    "IcGAN, sampled": (ICGAN, ["G", "R"], "z hair smile glasses", "image"),
    "StarGAN": (TRANSLATOR, ["star"], "image hair", "image"),
    "CycleGAN chained": (TRANSLATOR, ["cycle_ab", "star"], "image hair", "image"),
}


@pytest.mark.parametrize("name", WIRINGS)
def test_composes_and_runs(name: str) -> None:
    parts, steps, reads, writes = WIRINGS[name]
    graph = modgan.compose(steps, parts)
    assert set(graph.inputs) == set(reads.split())
    assert set(graph.outputs) == set(writes.split())
    values = {n: torch.randn(B, *spec.shape) for n, spec in graph.inputs.items()}
    out = graph(**values)
    for n, spec in graph.outputs.items():
        spec.check(out[n], n)
    total = sum(value.square().mean() for value in out.values())
    total.backward()
    assert all(p.grad is not None for p in graph.parameters())


@pytest.mark.parametrize("name", WIRINGS)
def test_every_input_matters(name: str) -> None:
    parts, steps, _, _ = WIRINGS[name]
    graph = modgan.compose(steps, parts)
    values = {n: torch.randn(B, *spec.shape) for n, spec in graph.inputs.items()}
    before = graph(**values)
    for changed in values:
        after = graph(**{**values, changed: values[changed].roll(1, 0)})
        assert any(not torch.allclose(before[n], after[n]) for n in before), changed


@pytest.mark.parametrize("order", list(permutations(["T_hair", "T_smile"])))
def test_any_order(order: tuple[str, ...]) -> None:
    graph = modgan.compose(["E", *order, "R"], MODULAR)
    assert list(graph.inputs) == ["image", *(name.removeprefix("T_") for name in order)]


def test_a_graph_equals_plain_python() -> None:
    x, h, s = torch.randn(B, *IMAGE.shape), torch.eye(2)[[0, 1, 1]], torch.eye(2)[[1, 0, 1]]
    graph = modgan.compose(["E", "T_hair", "T_smile", "R"], MODULAR)
    f, m1 = MODULAR["T_hair"](*MODULAR["E"](x), h)
    f, m2 = MODULAR["T_smile"](f, s)
    out = graph(image=x, hair=h, smile=s)
    assert torch.equal(out["image"], MODULAR["R"](f)[0])
    assert torch.equal(out["mask_hair"], m1) and torch.equal(out["mask_smile"], m2)

"""What constructors of components refuse: impossible sizes and counts, one clear error each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modgan.component import Component
from modgan.components import (
    AdainTransformer,
    AttributeCoder,
    BackgroundDiscriminator,
    BackgroundPainter,
    BoundedNoiseCoder,
    ChildTransformer,
    CodeDiscriminator,
    ConditionalReconstructor,
    ContentEncoder,
    ConvEncoder,
    ConvGenerator,
    ConvReconstructor,
    CycleTranslator,
    DomainDiscriminator,
    FeatureDiscriminator,
    LabelDiscriminator,
    LeanGenerator,
    MaskedTransformer,
    MultiHeadDiscriminator,
    MultiScaleDiscriminator,
    NoiseGenerator,
    PairDiscriminator,
    ParentGenerator,
    PatchDiscriminator,
    PlacedGenerator,
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
from modgan.spec import FeatureSpec, InterfaceError, flags, image, onehot

IMAGE = image(16)
FEATURE = FeatureSpec(8, 4, 4, "faces@test")
DOT = FeatureSpec(8, 1, 1, "faces@test")
WHOLE = FeatureSpec(6, 16, 16, "faces@test")  # as large as its picture
ATTRIBUTES = {"smile": ["no", "yes"], "hair": ["black", "blond", "red"], "age": ["old", "new"]}
LABELS = ("black", "blond", "red")
CODES = {"hair": onehot("hair", LABELS), "labels": flags(["young", "bald"])}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ConvEncoder(image(18)), "reduces 4 times needs a map whose sides 4 divides"),
        (lambda: ConvEncoder(FeatureSpec(3)), "needs a map whose sides"),
        (lambda: ConvReconstructor(FEATURE, image(8)), r"gives \[16, 16\], not 3×8×8"),
        (lambda: ConvGenerator(FeatureSpec(8, 6, 6), "d", LABELS), "a square of 4, 8, 16"),
        (lambda: ConvGenerator(FeatureSpec(8), "d", LABELS), "a square of 4, 8, 16"),
        (lambda: AttributeCoder(image(12), ATTRIBUTES), "square pictures of a multiple of 8"),
        (lambda: MultiHeadDiscriminator(IMAGE, ATTRIBUTES, 4, 6), "multiple of 64, got 3×16×16"),
        (lambda: LabelDiscriminator(image(18), ATTRIBUTES, 4, 3), "multiple of 8, got 3×18×18"),
        (lambda: StarTranslator(image(18), CODES), "multiples of 4, 8 at least, got 3×18×18"),
        (lambda: StarTranslator(image(4), CODES), "multiples of 4, 8 at least, got 3×4×4"),
        (lambda: StarTranslator(IMAGE, {}), "vectors beside 'image', at least one; got none"),
        (lambda: StarTranslator(IMAGE, {"f": FEATURE}), "got f: 8×4×4 of faces@test"),
        (lambda: StarTranslator(IMAGE, {"image": CODES["hair"]}), "got image: 3 of onehot:hair"),
        (lambda: CycleTranslator(FeatureSpec(3)), "multiples of 4, 8 at least, got 3"),
        (lambda: CycleTranslator(FeatureSpec(3, 16, 18)), "multiples of 4, 8 at least, got 3×16"),
        (lambda: StarDiscriminator(IMAGE, ATTRIBUTES, 4, 6), "multiple of 64, got 3×16×16"),
        (lambda: StarDiscriminator(IMAGE, {}, 4, 2), r"attributes, none named real: \[\]"),
        (lambda: StarDiscriminator(IMAGE, {"real": ["a"]}, 4, 2), "none named real: ..real"),
        (lambda: PatchDiscriminator(IMAGE), "of 3 layers .* 24 pixels or more, got 3×16×16"),
        (lambda: PatchDiscriminator(IMAGE, n_layers=0), r"of 0 layers \(1 or more\) needs"),
        (lambda: PatchDiscriminator(FeatureSpec(3)), "needs pictures of 24 pixels or more, got 3$"),
        (lambda: StageGenerator("hair", LABELS, (8,)), r"needs 2 to 12 widths, .* got \[8\]"),
        (lambda: ShapeGenerator("hair", LABELS, (8,) * 13), "needs 2 to 12 widths, the channels"),
        (lambda: ParentGenerator("hair", LABELS, (8, 0)), r"each 1 or more; got \[8, 0\]"),
        (lambda: ParentGenerator("hair", ()), r"whole sizes from 1 to 65536, got \[0\]"),
        (lambda: ParentGenerator("code", LABELS, (8, 4)), "'code' cannot name a port"),
        (lambda: ChildTransformer(FeatureSpec(8), "hair", LABELS), "changes maps, got the vector"),
        (lambda: ChildTransformer(WHOLE, "hair", LABELS, channels=0), r"65536, got \[0, 16, 16\]"),
        (lambda: BackgroundPainter(FEATURE, IMAGE), r"1 times gives \[4, 4\], not 3×16×16"),
        (lambda: StagePainter(FEATURE, IMAGE, "hair"), r"1 times gives \[4, 4\], not 3×16×16"),
        (
            lambda: UnetEncoder(IMAGE, FeatureSpec(8, 12, 12)),
            "feature of their size or of a half, .*; got 3×16×16 .* and 8×12×12",
        ),
        (lambda: UnetEncoder(IMAGE, FeatureSpec(8, 32, 32)), "got 3×16×16 .* and 8×32×32"),
        (lambda: UnetEncoder(image(24), WHOLE), "pictures of 8, 16, 32, … pixels and makes"),
        (lambda: UnetEncoder(image(4), FEATURE), "got 3×4×4 of image.-1,1. and 8×4×4"),
        (lambda: SoftCoder(image(40), "hair", LABELS), "square pictures of a multiple of 32, got"),
        (lambda: SoftCoder(image(18), "hair", LABELS, (4, 4), True), "multiple of 4, got 3×18×18"),
        (lambda: PlacedGenerator("hair", LABELS, (8, 4), 3), "by 4 entries of z, .* got n_z 3"),
        (lambda: PlacedGenerator("hair", LABELS, (8, 4), size=0), "above 0; .* size 0"),
        (lambda: LeanGenerator("hair", LABELS, (8,)), r"needs 2 to 12 widths, .* got \[8\]"),
        (lambda: SoftCoder(IMAGE, "hair", LABELS, (4,)), r"2 or more, each 1 or more; got \[4\]"),
        (lambda: BoundedNoiseCoder(IMAGE, 5, (4, 0)), r"needs widths, .* got \[4, 0\]"),
        (lambda: CodeDiscriminator(IMAGE, "hair", LABELS), "multiple of 32, got 3×16×16"),
        (lambda: CodeDiscriminator(IMAGE, "real", LABELS, (4, 4)), "cannot be named 'real'"),
        (
            lambda: BackgroundDiscriminator(IMAGE),
            "sees 34 pixels needs pictures of 34 or more, got",
        ),
        (lambda: BackgroundDiscriminator(FeatureSpec(3)), "pictures of 34 or more, got 3$"),
        (lambda: BackgroundDiscriminator(IMAGE, (4,)), r"as many strides .* widths \[4\], strides"),
        (lambda: FeatureDiscriminator(image(32)), "sees 34 pixels needs pictures of 34 .* 3×30×30"),
        (lambda: FeatureDiscriminator(FeatureSpec(4)), "reads square features, got 4$"),
        (lambda: FeatureDiscriminator(FeatureSpec(4, 64, 48)), "square features, got 4×64×48"),
        (lambda: FeatureDiscriminator(WHOLE, (), ()), r"one at least, each 1 or more; got widths"),
        (lambda: PairDiscriminator(IMAGE, "image", CODES["hair"]), "beside 'image'; got image: 3"),
        (
            lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"], ()),
            r"got widths \[\], hidden 512",
        ),
        (lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"], (4, 0)), r"got widths \[4, 0\]"),
        (lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"], (4,), 0), "hidden 0, noise"),
        (
            lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"], (4,), 4, (-0.5,)),
            r"noise of 0 or more; got .* noise \[-0.5\]",
        ),
        (lambda: ChildTransformer(WHOLE, "hair", LABELS, 0), "in 1 channel or more .* got width 0"),
        (lambda: ShapeGenerator("hair", LABELS, (8, 4), n_res=-1), "got width 4, n_res -1"),
        (lambda: UnetEncoder(IMAGE, WHOLE, width=0), "got width 0, n_res 2"),
        (lambda: PairDiscriminator(IMAGE, "hair", FEATURE), "reads a vector beside 'image'"),
        (lambda: PairDiscriminator(IMAGE, "hair", CODES["hair"]), "multiple of 32, got 3×16×16"),
        (lambda: MaskedTransformer(FEATURE, "hair colour", LABELS), "cannot name a port"),
        (lambda: MaskedTransformer(FEATURE, "hair", ("a", "a")), "needs 2 different labels"),
    ],
)
def test_impossible_sizes_are_refused(make: Callable[[], Component], text: str) -> None:
    with pytest.raises(InterfaceError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ContentEncoder(image(18)), "reduces 4 times needs a map whose sides 4 divides"),
        (lambda: ContentEncoder(FeatureSpec(3)), "needs a map whose sides 4 divides, got 3$"),
        (lambda: ContentEncoder(image(4)), r"2 positions a side or more .* got 64×1×1\b|256×1×1"),
        (lambda: ContentEncoder(image(2), n_down=0), "pictures of 4 pixels or more; got 64×2×2 of"),
        (lambda: ContentEncoder(IMAGE, width=0), "width 1 or more, .* got width 0, n_down 2, n_re"),
        (lambda: ContentEncoder(IMAGE, n_down=-1), "n_down 0 or more, .* got width 64, n_down -1"),
        (lambda: ContentEncoder(IMAGE, n_res=-1), "n_res 0 or more; got .* n_res -1"),
        (lambda: ContentEncoder(image(4096), 65536), r"sizes from 1 to 65536, got \[262144, 1024"),
        (lambda: SharedEncoder(FeatureSpec(8, 6, 6), 2), "sides 4 divides, got 8×6×6"),
        (lambda: SharedEncoder(FEATURE, 2), "reflected borders need features of 2 .* got 32×1×1$"),
        (lambda: SharedEncoder(FEATURE, 0, 0), "layers 1 or more; got n_down 0, n_res 0, layers 0"),
        (lambda: SharedReconstructor(FEATURE, 0, 0), "layers 1 or more; got n_res 0, n_up 0, lay"),
        (lambda: SharedReconstructor(FEATURE, 1, 4), "4 doublings .* 8×4×4 .* a multiple of 16"),
        (lambda: SharedReconstructor(DOT), "features of 2 positions a side or more .* got 8×1×1"),
        (lambda: SharedReconstructor(FeatureSpec(8)), "reads maps, got the vector 8$"),
        (
            lambda: StyleCoder(image(8)),
            "halves 4 times needs pictures of 16 pixels or more, got 3×8",
        ),
        (lambda: StyleCoder(image(2), n_down=0), "pictures of 4 pixels or more, got 3×2×2"),
        (lambda: StyleCoder(FeatureSpec(3)), "pictures of 16 pixels or more, got 3$"),
        (lambda: StyleCoder(IMAGE, n_style=0), r"whole sizes from 1 to 65536, got \[0\]"),
        (lambda: StyleCoder(IMAGE, width=0), "width 1 or more, n_down 0 or more; got width 0, n_d"),
        (lambda: AdainTransformer(FeatureSpec(8)), "changes maps, got the vector 8"),
        (lambda: AdainTransformer(DOT), "features of 2 positions a side or more"),
        (
            lambda: AdainTransformer(FEATURE, n_res=0),
            "n_res 1 or more, hidden 1 .* got n_res 0, hi",
        ),
        (lambda: AdainTransformer(FEATURE, 0), r"whole sizes from 1 to 65536, got \[0\]"),
        (lambda: UpsampleReconstructor(FEATURE, image(8)), r"4 times gives \[16, 16\], not 3×8×8"),
        (
            lambda: UpsampleReconstructor(DOT, image(4)),
            "features of 2 .* 8×1×1 .* of pictures of 3×4",
        ),
        (lambda: UpsampleReconstructor(FEATURE, IMAGE, -1), "n_res 0 or more, .* got n_res -1"),
        (
            lambda: UpsampleReconstructor(FeatureSpec(6, 4, 4), IMAGE),
            "2 doublings of the side halve the channels as often: 6×4×4 has to .* multiple of 4",
        ),
        (
            lambda: ConditionalReconstructor(FEATURE, image(4), CODES),
            "has doublings 1 or more; got d",
        ),
        (
            lambda: ConditionalReconstructor(FEATURE, image(12), CODES),
            r"gives \[8, 8\], not 3×12×12",
        ),
        (
            lambda: ConditionalReconstructor(FEATURE, IMAGE, {}),
            "beside 'feature', at least one; got",
        ),
        (
            lambda: ConditionalReconstructor(FEATURE, IMAGE, {"feature": CODES["hair"]}),
            "reads vectors beside 'feature', at least one; got feature: 3 of onehot:hair",
        ),
        (lambda: NoiseGenerator(FeatureSpec(8, 6, 6)), "is a square of 4, 8, 16, …; got 8×6×6"),
        (lambda: NoiseGenerator(FEATURE, n_z=0), r"whole sizes from 1 to 65536, got \[0\]"),
        (
            lambda: MultiScaleDiscriminator(image(60)),
            "of 3 scales and 4 layers needs pictures of more than 60 pixels a side, got 3×60×60",
        ),
        (
            lambda: MultiScaleDiscriminator(FeatureSpec(3)),
            "needs pictures of more than 60 .* got 3$",
        ),
        (
            lambda: MultiScaleDiscriminator(IMAGE, n_scales=0),
            "n_scales 1 or more; got .* n_scales 0",
        ),
        (
            lambda: DomainDiscriminator(FEATURE, {}),
            "attributes 1 or more, .* got attributes 0, wid",
        ),
        (lambda: DomainDiscriminator(FEATURE, ATTRIBUTES, n_down=3), "a multiple of 8, got 8×4×4"),
        (
            lambda: DomainDiscriminator(FEATURE, ATTRIBUTES, 0),
            "width 1 or more, .* width 0, n_down",
        ),
        (lambda: DomainDiscriminator(FEATURE, {"age": []}), r"whole sizes from 1 .* got \[0\]"),
    ],
)
def test_impossible_sizes_of_two_domains_are_refused(
    make: Callable[[], Component], text: str
) -> None:
    with pytest.raises(InterfaceError, match=text):
        make()


def test_61_pixels_are_enough_for_three_scales_of_four_layers() -> None:
    assert MultiScaleDiscriminator(image(61), width=1).outputs["real_2"].shape == (1, 1, 1)

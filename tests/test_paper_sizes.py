"""How many parameters the parts of the papers have, worked out from their tables of layers."""

from __future__ import annotations

from itertools import pairwise

import torch

from modgan.component import Component
from modgan.components import (
    ConvEncoder,
    ConvReconstructor,
    MaskedTransformer,
    MultiHeadDiscriminator,
)
from modgan.spec import image


def count(*parts: Component) -> int:
    return sum(p.numel() for part in parts for p in part.parameters())


def test_parameter_counts_at_paper_size() -> None:
    """From the table of layer shapes: kernel² · in · out, 2 per normed channel, biases in D."""
    picture, c, norm = image(128), 256, 2
    with torch.device("meta"):
        e = ConvEncoder(picture, n_res=0)
        f = e.outputs["feature"]
        t3 = MaskedTransformer(f, "hair", ("black", "blond", "brown"))
        t1 = MaskedTransformer(f, "smile", ("smile",))
        r = ConvReconstructor(f, picture)
        d = MultiHeadDiscriminator(picture, {"hair": ["black", "blond", "brown"]})
        e6 = ConvEncoder(picture)
    assert f.shape == (256, 32, 32)
    res = 2 * (9 * c * c + norm * c)
    shrink = 16 * 64 * 128 + norm * 128 + 16 * 128 * c + norm * c
    assert count(e) == 49 * 3 * 64 + norm * 64 + shrink == 665_664
    assert count(e6) == 665_664 + 6 * res == 7_749_696
    mask = 49 * c
    assert count(t3) == 9 * (c + 3) * c + norm * c + 6 * res + mask == 7_693_824
    assert count(t1) == 9 * (c + 1) * c + norm * c + 6 * res + mask == 7_689_216
    grow = 16 * c * 128 + norm * 128 + 16 * 128 * 64 + norm * 64
    assert count(r) == grow + 49 * 64 * 3 == 665_152
    widths = [3, 64, 128, 256, 512, 1024, 2048]
    trunk = sum(16 * a * b + b for a, b in pairwise(widths))
    assert count(d) == trunk + 9 * 2048 + 4 * 2048 * 3 == 44_745_664


def test_stargans_discriminator_has_its_published_size() -> None:
    five = ["black", "blond", "brown", "male", "young"]
    with torch.device("meta"):
        d = MultiHeadDiscriminator(image(128), {"all": five})
    assert count(d) == 44_762_048  # run with the official code, c_dim 5

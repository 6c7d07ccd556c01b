"""Sheets of the recipes of translation: a row for every test picture, a column for what it becomes.

Axes: B pictures, C channels, h w H W positions, n numbers of a style.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from domains_data import shown
from PIL import Image
from torch import Tensor
from translation import Networks, Parts, Values
from translation_terms import each, swapped

from modgan.data.images import sheet, to_image

Sheet = Callable[[Any, Parts], Image.Image]


def tests(s: Networks, parts: Parts) -> dict[str, Tensor]:
    """The pictures of a sheet, where the parts are."""
    device = next(p for part in parts.values() for p in part.parameters()).device
    return {name: x.to(device) for name, x in shown(s).items()}


def page(columns: Mapping[str, Values]) -> Image.Image:
    """A sheet: a row for every picture of every domain, and titled columns of what was made."""
    made = [torch.cat(list(values.values())) for values in columns.values()]
    rows = [[to_image(picture) for picture in row] for row in zip(*made, strict=True)]
    return sheet(rows, list(columns), scale=2)


def encoded(parts: Parts, x: Values) -> dict[str, Tensor]:
    """Features (B, C, h, w) of pictures (B, 3, H, W), each of its own domain's E."""
    return each(parts, "E", x)


def decoded(parts: Parts, feature: Values) -> dict[str, Tensor]:
    """Pictures (B, 3, H, W) of features (B, C, h, w), each of its own domain's R."""
    return each(parts, "R", feature)


def one_way(name: str) -> Sheet:
    """The `sheet` of the translator `name`: test pictures of the first domain, and in the other."""

    @torch.no_grad()
    def made(s: Networks, parts: Parts) -> Image.Image:
        first, x = next(iter(tests(s, parts).items()))
        return page({"input": {first: x}, "other": {first: parts[name](x)}})

    return made


def from_noise(draw: Callable[[Parts, Tensor], Values]) -> Sheet:
    """The `sheet` of what is drawn from noise (B, n) in all domains: a row for every noise."""

    @torch.no_grad()
    def made(s: Any, parts: Parts) -> Image.Image:
        z = torch.randn(8, s.n_z, generator=torch.Generator().manual_seed(s.seed))
        drawn = draw(parts, z.to(next(parts["G"].parameters()).device))
        return page({name: {name: pictures} for name, pictures in drawn.items()})

    return made


def swapping(
    encode: Callable[[Parts, Values], Values] = encoded,
    decode: Callable[[Parts, Values], Values] = decoded,
) -> Sheet:
    """The `sheet` of two domains: test pictures, themselves again, and in the other domain."""

    @torch.no_grad()
    def made(s: Networks, parts: Parts) -> Image.Image:
        x = tests(s, parts)
        feature = encode(parts, x)
        other = swapped(decode(parts, swapped(feature)))
        return page({"input": x, "again": decode(parts, feature), "other": other})

    return made


def everywhere(translate: Callable[[Parts, Tensor, str, str], Tensor]) -> Sheet:
    """The `sheet` of any domains: test pictures, and in every domain, their own among them.

    `translate` takes parts, pictures (B, 3, H, W), the domain that they are of, and one to show
    them in.
    """

    @torch.no_grad()
    def made(s: Networks, parts: Parts) -> Image.Image:
        x = tests(s, parts)
        shown = {to: {of: translate(parts, x[of], of, to) for of in x} for to in x}
        return page({"input": x, **shown})

    return made


def styling(decode: Callable[[Parts, Values, Values], Values]) -> Sheet:
    """The `sheet` of E, Q and what `decode` makes of parts, contents and styles (B, n).

    Test pictures, themselves again, with three styles, and guided by the picture beside.
    """

    @torch.no_grad()
    def made(s: Any, parts: Parts) -> Image.Image:
        x = tests(s, parts)
        content, own = each(parts, "E", x), each(parts, "Q", x)
        columns: dict[str, Values] = {"input": x, "again": decode(parts, content, own)}
        rng = torch.Generator().manual_seed(s.seed)
        for number in (1, 2, 3):
            one = {
                n: torch.randn(1, s.n_style, generator=rng).to(c).expand(len(c), -1)
                for n, c in content.items()
            }
            columns[f"style {number}"] = swapped(decode(parts, swapped(content), one))
        columns["guided"] = swapped(decode(parts, swapped(content), own))
        return page(columns | {"guide": swapped(x)})

    return made

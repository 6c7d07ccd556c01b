"""How well translated pictures keep the lines of a sketch and take the colour of a guide.

Pictures are float (B, 3, H, W) in -1..1. Axes: B pictures, C channels, H W pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from modgan.graph import Graph

BATCH = 100
LUMA = (0.299, 0.587, 0.114)
SLOPE = 0.06  # of luminance 0..1 per pixel: what is steeper is an edge
DARK = 0.6  # luminance 0..1: what is darker in a sketch is a line
COLOURED = 0.2  # max - min of red, green and blue, 0..1: pixels with less have no hue that counts
NEAR = 0.1  # of the circle of hues: as far as the colour may be from the guide's
LEAST = 0.5  # of the coloured area expected: as little as may be in colour


def translated(graph: Graph, **given: Tensor) -> Tensor:
    """The output `image` of a graph for tensors of one length, in batches, clamped to -1..1."""
    batches = zip(*(torch.split(value, BATCH) for value in given.values()), strict=True)
    with torch.inference_mode():
        made = [graph(**dict(zip(given, some, strict=True)))["image"] for some in batches]
    return torch.cat(made).clamp(-1, 1)


def luminance(pictures: Tensor) -> Tensor:
    """How light every pixel is, 0 black to 1 white, (B, 1, H, W)."""
    colours = _colours(pictures)
    weights = torch.tensor(LUMA, dtype=colours.dtype, device=colours.device)
    return torch.einsum("bchw,c->bhw", colours, weights)[:, None]


def _colours(pictures: Tensor) -> Tensor:
    """Red, green and blue in 0..1."""
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise ValueError(
            f"expected pictures as floats (B, 3, H, W) in [-1, 1], got {pictures.dtype} "
            f"{tuple(pictures.shape)}; use normalise for uint8"
        )
    return (pictures.clamp(-1, 1) + 1) / 2


def edges(pictures: Tensor) -> Tensor:
    """Edges one pixel thin, bool (B, 1, H, W).

    Where the gradient of luminance, by Sobel's filters, is longer than `SLOPE` a pixel, and along
    its direction, to the nearest 45 degrees, it rises no steeper at either neighbour.
    """
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]) / 8
    filters = torch.stack([across, across.T])[:, None].to(pictures)
    light = F.pad(luminance(pictures), (1, 1, 1, 1), mode="replicate")
    x, y = rearrange(F.conv2d(light, filters), "b way h w -> way b 1 h w")
    direction = (torch.atan2(y, x) / (math.pi / 4)).round().long() % 4
    ridge = torch.zeros_like(x, dtype=torch.bool)
    for k, (right, down) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        rise = (right * x + down * y) / math.hypot(right, down)
        around = F.pad(rise, (1, 1, 1, 1))
        for step in ((down, right), (-down, -right)):
            beside = torch.roll(around, step, (2, 3))[:, :, 1:-1, 1:-1]
            # the other side of a thin line falls, and is no rival
            rise = torch.where(beside * rise.sign() <= rise.abs(), rise, 0)
        ridge |= (direction == k) & (rise != 0)
    return ridge & (torch.hypot(x, y) > SLOPE)


def lines(sketches: Tensor) -> Tensor:
    """The lines of sketches, dark on white: luminance below `DARK`, bool (B, 1, H, W)."""
    return luminance(sketches) < DARK


def edge_f1(pictures: Tensor, sketches: Tensor) -> Tensor:
    """How well the edges of pictures lie on the lines of sketches, 0 to 1, float (B,).

    Precision is the share of the edges' pixels with a line at most one pixel away, also
    diagonally, recall the share of the lines' pixels with an edge so near; F1 = 2 P R / (P + R),
    0 where either is empty. For lines up to three pixels wide: the middle of wider ones is no edge.
    """
    found, wanted = edges(pictures).float(), lines(sketches).float()
    precision, recall = _matched(found, wanted), _matched(wanted, found)
    return 2 * precision * recall / (precision + recall).clamp_min(1e-12)


def _matched(these: Tensor, others: Tensor) -> Tensor:
    """The share of these pixels that are at most one away from one of the others, (B,)."""
    near = F.max_pool2d(others, 3, stride=1, padding=1)
    counts = reduce(these, "b 1 h w -> b", "sum")
    return reduce(these * near, "b 1 h w -> b", "sum") / counts.clamp_min(1)


def hue_of(pictures: Tensor) -> Tensor:
    """The hue of pictures in turns, 0 red, 1/3 green, 2/3 blue, float (B,).

    The circular mean over all pixels of chroma above `COLOURED`, weighted by their chroma (the
    largest minus the smallest of red, green and blue). NaN for a picture without such pixels.
    """
    red, green, blue = rearrange(_colours(pictures), "b c h w -> c b (h w)")
    chroma = _chroma(pictures)
    angle = torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue)
    weight = chroma * (chroma > COLOURED)
    x, y = (weight * angle.cos()).sum(1), (weight * angle.sin()).sum(1)
    turns = (torch.atan2(y, x) / (2 * math.pi)) % 1.0
    return torch.where(weight.sum(1) > 0, turns, torch.nan)


def _chroma(pictures: Tensor) -> Tensor:
    """The largest minus the smallest of red, green and blue, 0..1, (B, H·W)."""
    colours = rearrange(_colours(pictures), "b c h w -> b c (h w)")
    return colours.amax(1) - colours.amin(1)


def coloured_area(pictures: Tensor) -> Tensor:
    """The share of pixels of chroma above `COLOURED`, 0 to 1, float (B,)."""
    return (_chroma(pictures) > COLOURED).float().mean(1)


def hue_taken(pictures: Tensor, guides: Tensor, truth: Tensor) -> Tensor:
    """Which guided pictures took the colour of their guides, bool (B,).

    Their hue is at most `NEAR` from the guide's, and their coloured area is at least `LEAST` of
    that of the true pictures, so that specks are not enough. Where nobody knows the true ones,
    guides stand in for them. A picture or guide without colour counts as not taken.
    """
    near = hue_distance(hue_of(pictures), hue_of(guides)) <= NEAR
    return near & (coloured_area(pictures) >= LEAST * coloured_area(truth))


def hue_distance(a: Tensor, b: Tensor) -> Tensor:
    """How far hues in turns are apart, as a share of the whole circle, 0 to 0.5, any shape.

    NaN where a hue is: `hue_distance(a, b) <= 0.1` counts a picture without colour as wrong.
    """
    apart = (a - b).abs() % 1.0
    return torch.minimum(apart, 1 - apart)

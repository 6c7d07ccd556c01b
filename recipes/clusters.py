"""What pictures show, found by clustering: backgrounds, textures, shapes, and how objects pose.

Colours outside of a picture's box tell its background, and colours in the box that the background
lacks are the object's. These tell its texture, together with its outline; textures whose outlines
are alike have one shape. Clusters are to be about as large as each other. Objects are turned until
they fit others of their texture or these mirrored; which of the two ways faces right, the lean of
the upper part tells. Poses are what outlines differ in from others of their kind.

No picture has a mask or a label here. It takes backgrounds that differ in colour, textures that do,
and objects that show all of themselves, as drawn ones do.
Axes: N pictures, P positions, K colours, n clusters, D numbers of a point.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.data.boxed import Boxed
from modgan.losses import parent_of

SIDE = 32  # pixels of the pictures that are looked at, a side
LEVELS = 9  # of red, green and blue
AROUND = 1.05  # sides of the longer side of a box that an outline is looked at in
OUTLINE = 0.05  # weight of an outline's 16² positions, beside the roots of K shares of colours
HEATS = (0.3, 0.1, 0.03)  # how soft clusters are, in mean squared distances to the nearest middle
TILTS = (-15.0, -7.5, 0.0, 7.5, 15.0)  # degrees that objects are turned by to be like others
ROUNDS, ITERATIONS, TRIES = 3, 12, 2


class Clusters(NamedTuple):
    """Codes of N pictures; child c has the parent that `parent_of` says."""

    background: Tensor  # int64 (N,)
    parent: Tensor  # int64 (N,)
    child: Tensor  # int64 (N,)
    mirrored: Tensor  # bool (N,), facing left
    stance: Tensor  # float32 (N, stances), normal within a parent


def clusters(
    data: Boxed, middle: Tensor, backgrounds: int, parents: int, children: int, stances: int
) -> Clusters:
    """Clusters of whole pictures, a function of its arguments.

    `middle` (1, 4) is the box of pictures whose boxes nobody knows.
    """
    crops = [
        data.draw(range(at, min(at + 500, len(data))), torch.Generator().manual_seed(at))
        for at in range(0, len(data), 500)
    ]
    x = torch.cat([F.adaptive_avg_pool2d(crop.fulls, SIDE) for crop in crops])
    known = [middle.expand(len(c.fulls), 4) if c.boxes is None else c.boxes for c in crops]
    boxes = torch.cat(known).float() * SIDE / data.side
    colours, inside = colours_of(x), within(boxes)
    beside = histogram(colours, 1 - inside)
    background, _ = even_means(beside.sqrt(), backgrounds)
    usual = (beside + means(beside, background, backgrounds)[background]) / 2
    mask = rare(colours, histogram(colours, inside), usual) * inside
    for _ in range(ROUNDS):
        own, outlines = histogram(colours, mask), outlined(mask, boxes)
        points = [torch.cat([own.sqrt(), OUTLINE * side.flatten(1)], 1) for side in outlines]
        child, mirrored = even_means(points[0], children, points[1])
        texture = means(own, child, children)[child]
        mask = looked_up(texture, colours) / (looked_up(texture + usual, colours) + 1e-5) * inside
    mirrored = facing(x, mask, boxes, child, mirrored)
    usual_outlines = means(turned(*outlined(mask, boxes), mirrored), child, children)
    child, flipped = related(usual_outlines, parents)[child].unbind(1)
    parent = parent_of(child, children, parents)
    outlines, mirrored = outlined(mask, boxes), mirrored ^ flipped.bool()
    mirrored = mirrored ^ leans_left(means(turned(*outlines, mirrored), parent, parents))[parent]
    stance = stances_of(turned(*outlines, mirrored), child, parent, stances)
    mirrored = mirrored ^ torch.cat([crop.mirrored for crop in crops])
    return Clusters(background, parent, child, mirrored, stance)


def colours_of(x: Tensor) -> Tensor:
    """The colour of every position of pictures (N, 3, H, W) in -1..1, int64 (N, P), up to K."""
    level = ((x.flatten(2) + 1) / 2 * (LEVELS - 1)).round().long()
    return (level[:, 0] * LEVELS + level[:, 1]) * LEVELS + level[:, 2]


def histogram(colours: Tensor, weights: Tensor) -> Tensor:
    """The share of every colour, (N, K), of weighted positions (N, P)."""
    counts = weights.new_zeros(len(colours), LEVELS**3).scatter_add_(1, colours, weights)
    return counts / counts.sum(1, keepdim=True).clamp(min=1e-3)


def looked_up(shares: Tensor, colours: Tensor) -> Tensor:
    """The share (N, K) of the colour of every position, (N, P)."""
    return shares.gather(1, colours)


def rare(colours: Tensor, shares: Tensor, usual: Tensor) -> Tensor:
    """How likely positions (N, P) are no background, if half of those counted in `shares` are."""
    return (1 - looked_up(usual, colours) / 2 / (looked_up(shares, colours) + 1e-5)).clamp(0, 1)


def within(boxes: Tensor) -> Tensor:
    """1 in boxes (N, 4), 0 beside them, (N, P)."""
    at = torch.arange(SIDE)
    y1, x1, y2, x2 = boxes[:, :, None].unbind(1)
    rows, columns = (at >= y1) & (at < y2), (at >= x1) & (at < x2)
    return (rows[:, :, None] & columns[:, None, :]).float().flatten(1)


def outlined(values: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Values (N, P) or (N, C, P) around boxes, all as large, and mirrored: (N, C, 16, 16)."""
    half = torch.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) * AROUND / SIDE
    y, x = ((boxes[:, i] + boxes[:, i + 2]) / SIDE - 1 for i in (0, 1))
    zero = torch.zeros_like(half)
    place = torch.stack([half, zero, x, zero, half, y], 1).reshape(-1, 2, 3)
    maps = values.reshape(len(boxes), -1, SIDE, SIDE)
    grid = F.affine_grid(place, [*maps.shape], align_corners=False)
    cut = F.avg_pool2d(F.grid_sample(maps, grid, align_corners=False), 2)
    return cut, cut.flip(3)


def turned(plain: Tensor, mirror: Tensor, mirrored: Tensor) -> Tensor:
    """Each of N, plain or mirrored."""
    return torch.where(mirrored.reshape(-1, *(1 for _ in plain.shape[1:])), mirror, plain)


def means(values: Tensor, labels: Tensor, n: int) -> Tensor:
    """The mean of values (N, …) of every label, (n, …); 0 where nothing has it."""
    sums = values.new_zeros(n, *values.shape[1:]).index_add_(0, labels, values)
    counts = torch.bincount(labels, minlength=n).clamp(min=1)
    return sums / counts.reshape(-1, *(1 for _ in values.shape[1:]))


def even_means(points: Tensor, n: int, mirrors: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The label of every point (N, D), and whether its mirror image was taken, both (N,).

    k-means from hot to cold, where all clusters are to have about as many points. Of several
    tries the one with the smallest distances counts.
    """
    both = [points] if mirrors is None else [points, mirrors]
    best, least = (points.new_zeros(0), points.new_zeros(0)), math.inf
    for seed in range(TRIES):
        middles = first_middles(both, n, torch.Generator().manual_seed(seed))
        for heat in HEATS:
            for _ in range(ITERATIONS):
                each = torch.stack([torch.cdist(some, middles) ** 2 for some in both])
                cost, side = each.min(0)
                share = evenly(cost, heat * cost.min(1).values.mean())
                sums = [(share * (side == i)).T @ some for i, some in enumerate(both)]
                middles = torch.stack(sums).sum(0) / share.sum(0)[:, None]
        error, label = (share * cost).sum().item(), share.argmax(1)
        if error < least:
            best, least = (label, side.gather(1, label[:, None])[:, 0] == 1), error
    return best


def first_middles(both: list[Tensor], n: int, rng: torch.Generator) -> Tensor:
    """Points (n, D) that are far from each other, as k-means++ draws them."""
    points = both[0]
    middles = points[torch.randint(len(points), (1,), generator=rng)]
    while len(middles) < n:
        far = torch.stack([torch.cdist(some, middles).min(1).values for some in both]).min(0).values
        middles = torch.cat([middles, points[torch.multinomial(far**2 + 1e-9, 1, generator=rng)]])
    return middles


def evenly(cost: Tensor, heat: Tensor) -> Tensor:
    """Shares (N, n), rows of sum 1, in columns of like sums: cheap ones are large (Sinkhorn)."""
    logits, free = -cost / heat.clamp(min=1e-9), cost.new_zeros(cost.shape[1])
    for _ in range(30):
        rows = torch.logsumexp(logits + free, 1, keepdim=True)
        free = math.log(cost.shape[0] / cost.shape[1]) - torch.logsumexp(logits - rows, 0)
    return (logits + free).softmax(1)


def facing(x: Tensor, mask: Tensor, boxes: Tensor, child: Tensor, mirrored: Tensor) -> Tensor:
    """Which objects are mirror images of most others of their child, (N,): colours tell, too.

    All are tilted to be like the others, or those that tilt alike would be taken for one side.
    """
    shown = torch.cat([x.flatten(2) * mask[:, None], mask[:, None]], 1)
    plain, mirror = outlined(shown, boxes)
    views = torch.stack([tilted(side, angle) for side in (plain, mirror) for angle in TILTS])
    chosen, at = turned(plain, mirror, mirrored), torch.arange(len(x))
    for _ in range(ITERATIONS):
        usual = means(chosen, child, int(child.max()) + 1)[child]
        nearest = torch.stack([((v - usual) ** 2).flatten(1).sum(1) for v in views]).argmin(0)
        chosen = views[nearest, at]
    return nearest >= len(TILTS)


def tilted(maps: Tensor, angle: float) -> Tensor:
    """Maps (N, C, H, W) turned about their middle by an angle in degrees."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    turn = maps.new_tensor([[c, -s, 0], [s, c, 0]]).expand(len(maps), 2, 3)
    grid = F.affine_grid(turn, [*maps.shape], align_corners=False)
    return F.grid_sample(maps, grid, align_corners=False)


def leans_left(outlines: Tensor) -> Tensor:
    """Whether the upper third of outlines (n, 1, H, W) lies left of all of them, bool (n,)."""
    at = torch.arange(outlines.shape[3], dtype=torch.float32)

    def middle(rows: Tensor) -> Tensor:
        return (rows.sum((1, 2)) * at).sum(1) / rows.sum((1, 2, 3)).clamp(min=1e-5)

    return middle(outlines[:, :, : outlines.shape[2] // 3]) < middle(outlines)


def stances_of(outlines: Tensor, child: Tensor, parent: Tensor, stances: int) -> Tensor:
    """What outlines (N, 1, H, W) most differ in from the usual ones of their child, (N, stances).

    Principal components of every parent, each spread until it is normal: a raised wing, which is
    the first of drawn birds', is above 0 and a folded one below, with nothing between.
    """
    flat = outlines.flatten(1)
    apart = flat - means(flat, child, int(child.max()) + 1)[child]
    found = flat.new_zeros(len(flat), stances)
    for one in parent.unique():
        own = apart[parent == one]
        axes = torch.linalg.eigh(own.T @ own).eigenvectors.flip(1)[:, :stances]
        along = own @ (axes * axes.sum(0).sign())  # the sign of an eigenvector is chance
        found[parent == one] = torch.special.ndtri((along.argsort(0).argsort(0) + 0.5) / len(own))
    return found


def related(outlines: Tensor, parents: int) -> Tensor:
    """The number that every child (n, C, H, W) gets, and whether it is mirrored, int64 (n, 2).

    Children of a parent have numbers in a row. Those who are nearest to one of them are a family.
    """
    n = len(outlines)
    plain, mirror = outlines.flatten(1), outlines.flip(3).flatten(1)
    sides = torch.stack([torch.cdist(plain, plain), torch.cdist(plain, mirror)])
    distance, side = sides.min(0)
    distance.fill_diagonal_(-1)  # nobody is nearer than oneself
    sizes = torch.bincount(parent_of(torch.arange(n), n, parents), minlength=parents)
    found, first = torch.zeros(n, 2, dtype=torch.int64), sizes.cumsum(0) - sizes
    for parent in sizes.argsort(descending=True, stable=True).tolist():
        nearest = distance.topk(int(sizes[parent]), largest=False)
        head = int(nearest.values.sum(1).argmin())
        family = nearest.indices[head]
        found[family, 0] = first[parent] + torch.arange(len(family))
        found[family, 1] = torch.where(family == head, 0, side[family, head])
        distance[family] = distance[:, family] = math.inf
    return found

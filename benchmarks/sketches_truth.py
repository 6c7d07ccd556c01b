"""Sketches that nothing was trained on, their true colourings, and other pictures.

Axes: N sketches, K colourings of one, H W positions.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

import torch
from torch import Tensor

from modgan.data.domains import read_domains
from modgan.data.images import DataError, normalise
from modgan.data.sketches import ATTRIBUTES, DOMAINS, Sketches, picture
from modgan.data.table import some

OTHER = 98  # the seed of the other drawn pictures
COLOURINGS = 10  # true ones of every sketch


class Truth(NamedTuple):
    """Unseen sketches and pictures, in -1..1, and what is true about them."""

    what: str
    domains: tuple[str, str]  # what sketches and pictures are called in zoos
    sketches: Tensor  # (N, 3, H, W)
    colourings: Tensor  # (N, K, 3, H, W), all of them as likely as the others
    pictures: Tensor  # (N, 3, H, W), of other things
    mixed: Tensor | None = None  # (N, 3, H, W), the sketches in the style of `pictures`, if known
    kinds: Tensor | None = None  # (N,), what the sketches show, if known

    @property
    def coloured(self) -> Tensor:
        """One true colouring of every sketch, (N, 3, H, W)."""
        return self.colourings[:, 0]


def truth_of(data: Path | None, count: int, size: int, seed: int) -> Truth:
    """Those of a folder, or drawn ones."""
    return listed(data, count, size) if data else drawn(count, size, seed)


def drawn(count: int, size: int, seed: int) -> Truth:
    """Sketches drawn as the zoos learn from them, of another seed."""
    things, others = Sketches(count, size, seed), Sketches(count, size, OTHER)
    sketches, _ = zip(*(things.pair(at) for at in range(count)), strict=True)
    mixed = [picture(things.content(at), others.style(at), size) for at in range(count)]
    kinds = [ATTRIBUTES["kind"].index(things.content(at).kind) for at in range(count)]
    return Truth(
        f"drawn sketches, seed {seed}",
        (DOMAINS[0], DOMAINS[1]),
        normalise(torch.stack(sketches)),
        normalise(torch.stack([things.colourings(at, COLOURINGS) for at in range(count)])),
        normalise(torch.stack([others[at][0] for at in range(count)])),
        normalise(torch.stack(mixed)),
        torch.tensor(kinds),
    )


def listed(root: Path, count: int, size: int) -> Truth:
    """A folder's testA, testB, and testA_styles: NAME_0.png to NAME_9.png for every sketch NAME."""
    styles = root / "testA_styles"
    folders = {"a": root / "testA", "b": root / "testB", "styles": styles}
    tests = read_domains(folders, None, size)
    inside = tests["styles"]
    places = {PurePosixPath(name).stem: at for at, name in enumerate(inside.names)}
    names = [PurePosixPath(name).stem for name in tests["a"].names[:count]]
    wanted = [f"{name}_{k}" for name in names for k in range(COLOURINGS)]
    if missing := [name for name in wanted if name not in places]:
        raise DataError(
            f"{styles}: expected {COLOURINGS} true colourings of every sketch in testA, NAME_0 to "
            f"NAME_{COLOURINGS - 1}; {len(missing)} are missing: {some(missing)}; add them"
        )
    n, other = len(names), len(tests["b"])
    rows = torch.stack([inside[places[name]][0] for name in wanted])
    return Truth(
        f"the sketches of {root.name}",
        ("a", "b"),
        normalise(torch.stack([tests["a"][at][0] for at in range(n)])),
        normalise(rows).unflatten(0, (n, COLOURINGS)),
        normalise(torch.stack([tests["b"][at % other][0] for at in range(n)])),
    )

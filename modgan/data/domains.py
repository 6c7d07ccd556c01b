"""Pictures of several domains, to translate between: folders as CycleGAN and MUNIT have them.

Axes: N pictures, B batch, H W positions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from modgan.component import UnknownName
from modgan.data.boxed import crop_corners, cropped, resized
from modgan.data.images import DataError, decoded, normalise, open_image, to_tensor
from modgan.data.order import draw, seed_of
from modgan.data.table import SPLITS, SUFFIXES, divide, refuse, some

RULES = ("names", "order")  # how the pictures of two folders are paired
Folders = str | Path | Mapping[str, str | Path]


class Domain:
    """The pictures of one domain, held in memory, uint8 (3, H, W), of any sizes.

    By index it gives their middles, so that it is a data set of pictures with no label. `names`
    says what they are called, where they are files; `mirror`, whether cuts are mirrored at random.
    """

    def __init__(
        self,
        pictures: Tensor | Sequence[Tensor],
        size: int,
        names: Sequence[str] = (),
        mirror: bool = True,
    ) -> None:
        self.attributes: dict[str, tuple[str, ...]] = {}
        self.pictures, self.size, self.names = list(pictures), size, tuple(names)
        self.mirror = mirror
        if size < 1:
            raise ValueError(f"Domain: size must be at least 1 pixel, got {size}")
        if not self.pictures:
            raise DataError("Domain: has no pictures; give at least one")
        small = [k for k, each in enumerate(self.pictures) if min(each.shape[1:]) < size]
        if small:
            raise DataError(
                f"Domain: {len(small)} of {len(self.pictures)} pictures are smaller than {size} "
                f"pixels: {some(small)}; enlarge them, or ask for a smaller size"
            )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """The middle of a picture, uint8 (3, size, size), and its labels, int64 (0,)."""
        picture = self.pictures[index]
        top, left = ((n - self.size) // 2 for n in picture.shape[1:])
        window = picture[:, top : top + self.size, left : left + self.size]
        return window, torch.empty(0, dtype=torch.int64)

    def cut(self, indices: Tensor, lots: Tensor) -> Tensor:
        """Crops of the pictures at `indices` (B,), float32 (B, 3, size, size) in -1..1.

        `lots` (B, 3) in [0, 1) say where each begins, y and x, and whether it is mirrored.
        """
        pictures = [self.pictures[index] for index in indices.tolist()]
        corners = crop_corners(pictures, self.size, lots)
        return cropped(pictures, self.size, corners, (lots[:, 2] < 0.5) & self.mirror)


class Domains:
    """Two or more domains by name, each shuffled on its own unless they are paired.

    Paired, pictures i of all domains belong together: they come in one order, cut and mirrored
    alike, so they must have the same height and width.
    """

    def __init__(self, domains: Mapping[str, Domain], paired: bool = False) -> None:
        if len(domains) < 2:
            raise ValueError(f"Domains: expected two domains or more, got {len(domains)}")
        self.domains, self.paired = dict(domains), paired
        if paired:
            for (name, first), (other, second) in pairwise(self.domains.items()):
                refuse(_unlike(name, first, other, second))

    def __getitem__(self, name: str) -> Domain:
        """One of the domains."""
        if name not in self.domains:
            raise UnknownName("domain", name, self.domains)
        return self.domains[name]

    def draw(self, position: int, count: int, seed: int, rng: torch.Generator) -> dict[str, Tensor]:
        """`count` pictures of every domain, by its name, float32 (B, 3, size, size) in -1..1.

        Those from `position` on in the endless order of `seed`, cropped and mirrored as `rng` has
        it: a function of its arguments, in which every domain has epochs of its own length.
        """
        lots = torch.rand((len(self.domains), count, 3), generator=rng)
        drawn = {}
        for k, (name, domain) in enumerate(self.domains.items()):
            own = 0 if self.paired else k
            indices = draw(domain, position, count, seed_of(seed, own))
            drawn[name] = domain.cut(indices, lots[own])
        return drawn

    def middles(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """The middles of pictures of every domain, for tests, float32 (B, 3, size, size)."""
        return {
            name: normalise(torch.stack([domain[index][0] for index in indices]))
            for name, domain in self.domains.items()
        }


def read_domains(
    folders: Folders,
    split: str | None = "train",
    size: int = 256,
    load: int | None = None,
    pairs: str | None = None,
    workers: int = 0,
    progress: bool = False,
) -> Domains:
    """The pictures of every domain, decoded once, their short sides `load` pixels (None: `size`).

    `folders` holds a folder for each domain of each split, as trainA, trainB, testA, testB; the
    domains are called a, b and so on. Or it names a folder for each domain; then `split` takes
    train, val or test by the names of the files (`modgan.data.table.divide`), None all.

    `pairs` None leaves the domains unpaired. "names" pairs the files of one name, whatever their
    endings; "order" pairs them in the order of their sorted names, and there must be as many.

    Pictures are shrunk or enlarged to `load`, their shapes kept; MUNIT has `size` and `load` 256,
    CycleGAN 256 and 286. Folders within are read too, hidden files are not.
    """
    load = size if load is None else load
    _check(size, load, split, pairs, isinstance(folders, Mapping))
    found = _listed(folders, split)
    refuse([reason for folder, files in found.values() for reason in _empty(folder, files)])
    if pairs is not None:
        _check_pairs(found, pairs)
    if isinstance(folders, Mapping) and split is not None:
        found = _divided(found, split, joined=pairs is not None)
    pictures = _Files([folder / name for folder, names in found.values() for name in names], load)
    held = iter([torch.from_numpy(each) for (each,) in decoded(pictures, workers, progress)])
    domains = {
        name: Domain(list(islice(held, len(names))), size, names)
        for name, (_, names) in found.items()
    }
    return Domains(domains, paired=pairs is not None)


# --- folders ----------------------------------------------------------------------------------

Found = dict[str, tuple[Path, list[str]]]  # by domain: its folder, and the paths of files in it


class _Files:
    """Pictures in files, their short sides `load` pixels."""

    def __init__(self, files: Sequence[Path], load: int) -> None:
        self.files, self.load = files, load

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor]:
        """One picture, uint8 (3, H, W)."""
        return (to_tensor(resized(open_image(self.files[index]), self.load)),)


def _check(size: int, load: int, split: str | None, pairs: str | None, mapped: bool) -> None:
    if not 1 <= size <= load:
        raise ValueError(
            f"read_domains: expected size of at least 1 pixel and load of at least size, got "
            f"{size} and {load}"
        )
    if split not in SPLITS and not (mapped and split is None):
        hint = ", or None for all" if mapped else ""
        raise ValueError(f"read_domains: split {split!r}; expected {', '.join(SPLITS)}{hint}")
    if pairs not in (*RULES, None):
        raise ValueError(f"read_domains: pairs {pairs!r}; expected {', '.join(RULES)} or None")


def _listed(folders: Folders, split: str | None) -> Found:
    """The pictures of every domain, sorted by name."""
    if not isinstance(folders, Mapping):
        folders = _lettered(Path(folders), str(split))
    paths = {name: Path(folder) for name, folder in folders.items()}
    refuse(
        [
            f"{path}: no such folder; expected the pictures of domain {name!r}, check the path"
            for name, path in paths.items()
            if not path.is_dir()
        ]
    )
    return {name: (path, _pictures(path)) for name, path in paths.items()}


def _lettered(root: Path, split: str) -> dict[str, Path]:
    """trainA, trainB and so on in `root`, by the letter."""
    if not root.is_dir():
        what = "is a file" if root.is_file() else "is not there"
        raise DataError(f"{root}: {what}; give the folder that holds {split}A and {split}B")
    inside = sorted(path.name for path in root.iterdir() if path.is_dir())
    found = [name for name in inside if re.fullmatch(split + "[A-Z]", name)]
    if len(found) < 2:
        raise DataError(
            f"{root}: expected folders {split}A, {split}B and so on, one for each domain, got "
            f"{some(inside) or 'no folder'}; rename the folders, or name one for each domain"
        )
    return {name[-1].lower(): root / name for name in found}


def _pictures(folder: Path) -> list[str]:
    """The paths of the pictures within a folder; hidden files are none."""
    files = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    paths = (path.relative_to(folder) for path in files)
    return sorted(p.as_posix() for p in paths if not any(x.startswith(".") for x in p.parts))


def _empty(folder: Path, names: list[str]) -> list[str]:
    """What is wrong if a folder has no picture."""
    if names:
        return []
    inside = sorted(path.name for path in folder.iterdir())
    return [
        f"{folder}: expected pictures ({', '.join(SUFFIXES)}), got {some(inside) or 'nothing'}; "
        "add some, or give another folder"
    ]


# --- pairs and splits -------------------------------------------------------------------------


def _check_pairs(found: Found, rule: str) -> None:
    """Position i must be the same pair in all domains."""
    repeated = [reason for folder, names in found.values() for reason in _repeated(folder, names)]
    refuse(repeated if rule == "names" else [])
    for (folder, names), (other, others) in pairwise(found.values()):
        stems = [[_stem(name) for name in each] for each in (names, others)]
        if stems[0] == stems[1] or (rule == "order" and len(names) == len(others)):
            continue
        alone = "".join(
            f"; only in {where}: {some(only)}"
            for where, these, those in ((folder, names, stems[1]), (other, others, stems[0]))
            if (only := [name for name in these if _stem(name) not in set(those)])
        )
        wanted = "a file of the same name in each" if rule == "names" else "as many in each"
        raise DataError(
            f"{folder} and {other}: pairs need {wanted}, got {len(names)} and {len(others)}"
            f"{alone}; add what is missing, take the others out, or leave them unpaired"
        )


def _repeated(folder: Path, names: list[str]) -> list[str]:
    """What is wrong if files differ only in their endings."""
    counts = Counter(map(_stem, names))
    twice = [name for name in names if counts[_stem(name)] > 1]
    if not twice:
        return []
    return [f"{folder}: files of one name cannot be paired by it: {some(twice)}; rename them"]


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))


def _divided(found: Found, split: str, joined: bool) -> Found:
    """The pictures of a split, by their names; where `joined`, by those of the first domain."""
    first = next(iter(found.values()))[1]
    divided = {}
    for name, (folder, names) in found.items():
        splits, _ = divide(first if joined else names)
        divided[name] = folder, [n for n, each in zip(names, splits, strict=True) if each == split]
    refuse(
        [
            f"{found[name][0]}: of its {len(found[name][1])} pictures none falls to {split} by its "
            "name; add pictures, or take all with split None"
            for name, (_, names) in divided.items()
            if not names
        ]
    )
    return divided


def _unlike(name: str, first: Domain, other: str, second: Domain) -> list[str]:
    """What is wrong if two domains are no pairs that can be cut alike."""
    if len(first) != len(second):
        return [
            f"Domains: paired, expected as many pictures of {other} as of {name}, got "
            f"{len(second)} and {len(first)}; leave out those without a partner"
        ]
    if first.size != second.size:
        return [
            f"Domains: paired, expected crops of one size, got {first.size} pixels of {name} and "
            f"{second.size} of {other}; give both one size"
        ]
    shapes = [
        (k, *(each.pictures[k].shape[1:] for each in (first, second))) for k in range(len(first))
    ]
    unlike = [
        f"{first.names[k] if first.names else k} ({a[1]}x{a[0]} and {b[1]}x{b[0]})"
        for k, a, b in shapes
        if a != b
    ]
    if not unlike:
        return []
    return [
        f"Domains: paired pictures must be of one shape to be cut alike, {len(unlike)} of "
        f"{len(first)} of {name} and {other} are not: {some(unlike)}; crop them alike before"
    ]

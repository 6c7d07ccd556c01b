"""What the codes of a zoo of birds stand for, and how it mixes four pictures, as judges see it.

    python benchmarks/birds.py --zoo ZOO                              # FineGAN's: codes, realism
    python benchmarks/birds.py --zoo ZOO --zoo S --baseline DCGAN     # MixNMatch's: all of it
    python benchmarks/birds.py --zoo ZOO --data DIR                   # a folder in CUB's layout

The judges (recipes/birds_judge.py) learned from real birds alone. Writes a JSON, a page and
figures; `--card FILE` also writes the zoo, merged, with these rows and all its graphs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import torch
from birds_truth import MIXED, Mixes, Truth, drawn, listed
from PIL import Image
from portraits import write
from torch import Tensor

import modgan
from modgan.convert.mixnmatch import GRAPHS
from modgan.data.images import sheet, to_image
from modgan.files import replacing
from modgan.losses import parent_of
from modgan.metrics.edits import BATCH
from modgan.metrics.frechet import features, frechet
from modgan.metrics.mixing import (
    FACTORS,
    NEAR,
    Disentangled,
    Seen,
    disentangled,
    distance,
    free_codes,
    iou,
    largest,
    same_pose,
    see,
    sizes,
)
from modgan.metrics.stages import CODES, TITLES, coded, in_batches, onehot_codes, painted, rows

Judges = tuple[modgan.Component, modgan.Component]
Figures = dict[str, dict[str, float]]


def judged(judges: Judges, mixes: Mixes) -> dict[str, float]:
    """How often the judges are right about pictures nobody made: the true mixes."""
    seen = see(*judges, mixes.pictures)
    right = {name: _share(seen.labels[name] == mixes.labels[name]) for name in mixes.labels}
    near = distance(seen.masks, mixes.masks) < NEAR
    overlap = iou(seen.masks, mixes.masks).mean().item()
    return {**right, "pose within a tenth of the side": _share(near), "mask IoU": overlap}


def other_pose(judges: Judges, mixes: Mixes) -> float:
    """How often a true mix has another pose than the one before: what a new z can reach."""
    seen = see(*judges, mixes.pictures)
    before = Seen({name: v.roll(1) for name, v in seen.labels.items()}, seen.masks.roll(1, 0))
    return 1 - _share(same_pose(seen, before))


def mask_figures(zoo: modgan.Zoo, judges: Judges, count: int, seed: int) -> dict[str, float]:
    """The zoo's own masks: against S on made pictures, and how large and how sure they are."""
    made = _free(zoo, count, seed)
    seen = see(*judges, made.image)
    shown = made.mask()
    return {
        "IoU with what S sees in made pictures": iou(shown > 0.5, seen.masks).mean().item(),
        "share of masks that are empty": empty(shown > 0.5),
        "share of masks in pieces": 1 - empty((shown > 0.5) & ~largest(shown > 0.5)),
        "share of pictures in which S sees nothing": empty(seen.masks),
        "share of the picture covered": shown.mean().item(),
        "share of pixels between 0.1 and 0.9": _share((shown > 0.1) & (shown < 0.9)),
    }


def _free(zoo: modgan.Zoo, count: int, seed: int) -> Any:
    """Pictures of codes drawn each for itself."""
    drawn = free_codes(zoo, count, torch.Generator().manual_seed(seed))
    return in_batches(zoo, onehot_codes(zoo, drawn["z"], drawn))


def modes(zoo: modgan.Zoo) -> list[str]:
    """The ways in which the zoo mixes pictures."""
    code = ["code"] if all(f"Q_{k}" in zoo for k in "zbpc") else []
    return [*code, "feature"] if code and "S" in zoo else code


def mixed(zoo: modgan.Zoo, sources: Mapping[str, Tensor], mode: str) -> Any:
    """What the zoo makes of four pictures each."""
    some = {name: torch.split(pictures, BATCH) for name, pictures in sources.items()}
    with torch.inference_mode():
        codes = [
            coded(zoo, dict(zip(some, each, strict=True)))
            for each in zip(*some.values(), strict=True)
        ]
        together = {name: torch.cat([code[name] for code in codes]) for name in codes[0]}
        feature = None
        if mode == "feature":
            feature = torch.cat([zoo["S"](each) for each in torch.split(sources["shape"], BATCH)])
    return in_batches(zoo, together, feature)


def mixing(zoo: modgan.Zoo, judges: Judges, truth: Truth) -> Figures:
    """By mode: labels as of their sources, pose, silhouettes, and reconstructions of one picture.

    In feature mode one picture gives shape and pose: the outline is to be that picture's, and it
    says nothing about facing, which nobody labelled there.
    """
    found: Figures = {}
    mixes = truth.mixes
    for mode in modes(zoo):
        made = mixed(zoo, mixes.sources, mode)
        again = mixed(zoo, dict.fromkeys(MIXED, truth.pictures), mode)
        seen = see(*judges, made.image)
        read = [name for name in mixes.labels if mode == "code" or name != "facing"]
        outlines = mixes.masks if mode == "code" else mixes.outlines
        apart = distance(seen.masks, outlines)
        found[mode] = {
            **{name: _share(seen.labels[name] == mixes.labels[name]) for name in read},
            "pose distance, % of the side": apart.mean().item(),
            "pose within a tenth of the side": _share(apart < NEAR),
            "empty masks": empty(made.mask() > 0.5),
            "silhouette IoU": iou(made.mask() > 0.5, outlines).mean().item(),
            "mask IoU, one picture made again": iou(again.mask() > 0.5, truth.masks).mean().item(),
        }
    return found


def realism(
    zoo: modgan.Zoo, Q: modgan.Component, truth: Truth, baseline: modgan.Zoo | None, seed: int
) -> dict[str, float]:
    """Fréchet distances to unseen birds on the features from which the judge reads labels."""
    real, n = features(Q, truth.pictures), len(truth.pictures)
    found = {
        "other real birds": frechet(features(Q, truth.others), real),
        "this zoo": frechet(features(Q, tied(zoo, n, seed)), real),
    }
    if baseline is not None:
        rng = torch.Generator().manual_seed(seed)
        z = torch.randn(n, baseline["G"].inputs["z"].channels, generator=rng)
        with torch.inference_mode():
            draw = baseline.graph("draw")
            made = torch.cat([draw(z=some)["image"] for some in torch.split(z, BATCH)])
        found["baseline"] = frechet(features(Q, made), real)
    return found


def tied(zoo: modgan.Zoo, count: int, seed: int) -> Tensor:
    """Pictures of tied codes; backgrounds with codes of their own are drawn."""
    codes, n = free_codes(zoo, count, torch.Generator().manual_seed(seed)), sizes(zoo)
    codes["parent"] = parent_of(codes["child"], n["child"], n["parent"])
    if n["background"] == n["child"]:
        codes["background"] = codes["child"]
    return in_batches(zoo, onehot_codes(zoo, codes["z"], codes)).image


def empty(masks: Tensor) -> float:
    """The share of bool masks (B, 1, H, W) without a pixel."""
    return _share(~masks.flatten(1).any(1))


def _share(flags: Tensor) -> float:
    return flags.float().mean().item()


# --- figures ----------------------------------------------------------------------------------


def stages(zoo: modgan.Zoo, seed: int) -> Image.Image:
    """Every child, up to 16, on its parent, stage by stage."""
    n = sizes(zoo)
    count = min(16, n["child"])
    codes = free_codes(zoo, count, torch.Generator().manual_seed(seed))
    codes["child"] = torch.arange(count)
    codes["parent"] = parent_of(codes["child"], n["child"], n["parent"])
    made = in_batches(zoo, onehot_codes(zoo, codes["z"], codes))
    return sheet(rows(made), TITLES, scale=2)


def varied(zoo: modgan.Zoo, seed: int, count: int = 8) -> Image.Image:
    """One code changed in every row: background, parent, child, z; below, a walk between two z."""
    rng, n = torch.Generator().manual_seed(seed), sizes(zoo)
    one = {
        name: code.expand(count, *code.shape[1:]) for name, code in free_codes(zoo, 1, rng).items()
    }
    changed: list[tuple[str, Tensor]] = [
        (code, torch.arange(count) * max(1, n[code] // count) % n[code]) for code in CODES
    ]
    drawn = torch.randn(one["z"].shape, generator=rng)
    changed += [("z", drawn), ("z", modgan.walk(drawn[0], drawn[-1], count))]
    lines = []
    for code, values in changed:
        codes = {**one, code: values}
        with torch.inference_mode():
            image = painted(zoo, onehot_codes(zoo, codes["z"], codes)).image
        lines.append([to_image(picture) for picture in image])
    return sheet(lines, scale=2)


def four(zoo: modgan.Zoo, mixes: Mixes, count: int = 8) -> Image.Image:
    """Four pictures each, the true mix, and what the zoo makes of them in every mode."""
    few = {name: pictures[:count] for name, pictures in mixes.sources.items()}
    made = {mode: mixed(zoo, few, mode) for mode in modes(zoo)}
    columns = [*few.values(), mixes.pictures[:count], *(each.image for each in made.values())]
    lines = [[to_image(column[at]) for column in columns] for at in range(len(columns[0]))]
    return sheet(lines, [*few, "truth", *(f"{mode} mode" for mode in made)], scale=2)


# --- the page ---------------------------------------------------------------------------------


def table(head: str, found: Figures) -> str:
    """Rows of shares in % as Markdown; a column is left empty where a row has none."""
    names = list(dict.fromkeys(name for row in found.values() for name in row))
    lines = [f"| {head} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for title, row in found.items():
        cells = (f"{100 * row[n]:.1f}" if n in row else "" for n in names)
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def page(what: str, d: Disentangled, found: Mapping[str, Any]) -> str:
    """All figures as Markdown."""
    read = ", ".join(f"{name} {100 * value:.1f}%" for name, value in found["judges"].items())
    pure = ", ".join(
        f"{code} ({FACTORS[code]}) {100 * v:.1f}% (least {100 * d.least[code]:.1f}%)"
        for code, v in d.purity.items()
    )
    different = ", ".join(
        f"{code} {n} of {len(d.meanings[code])}" for code, n in d.distinct.items()
    )
    reach = 100 * found["other pose"]
    masks = "\n".join(f"- {name}: {value:.3f}" for name, value in found["masks"].items())
    apart = "\n".join(f"- {name}: {value:.2f}" for name, value in found["realism"].items())
    mixing = ""
    if found["mixing"]:
        mixing = f"""
Four unseen pictures mixed, %: read as of their sources; the truth about every mix is known. In
code mode the pose is that of the picture "pose", in feature mode that of the picture "shape".

"Silhouette" compares the zoo's own masks with the true mask of the mix; the last column, masks
of pictures whose codes are all read off one picture, with that picture's true mask.

{table("mode", found["mixing"])}
"""
    return f"""{what}.

The judges on unseen real pictures, the true mixes: {read}.

One code changed, %: "follows" says how often its factor becomes what the new code stands for and
was not before (of z: the pose changes), the others how often a factor stays. A pose stays where the
middle of the box of the object's largest part moves by less than {NEAR:.0%} of the side and facing
stays; "place" leaves facing out. Two true mixes differ in pose in {reach:.1f}% of cases, by which
the share that follows z is to be read.

{table("changed", d.changed)}

Pictures of a code that show the label most of them show, the mean over codes: {pure}. Different
labels among the codes: {different}.

Masks of the zoo, both stages together. What S sees is the judge's segmentation of a made picture;
its own IoU on real pictures stands above. Where both masks are empty the IoU is 0.

{masks}
{mixing}
Fréchet distance to unseen real birds, on the features the judge reads labels from:

{apart}
"""


def card_rows(
    d: Disentangled, found: Mapping[str, Any], n: int, command: str
) -> list[dict[str, Any]]:
    """The rows of the card."""
    values = {f"judges on real pictures, {k}": v for k, v in found["judges"].items()}
    for code, row in d.changed.items():
        values |= {f"{code} changed, {name}": value for name, value in row.items()}
    values |= {f"purity, {code}": value for code, value in d.purity.items()}
    values |= {f"least purity, {code}": value for code, value in d.least.items()}
    values |= {f"different labels, {code}": n for code, n in d.distinct.items()}
    values |= {f"masks, {name}": value for name, value in found["masks"].items()}
    for mode, row in found["mixing"].items():
        values |= {f"{mode} mode, {name}": value for name, value in row.items()}
    values |= {f"Fréchet distance, {name}": value for name, value in found["realism"].items()}
    same = {"split": "test", "n": n, "command": command}
    return [{"name": k, "value": round(v, 4), **same} for k, v in values.items()]


def command_of(given: argparse.Namespace) -> str:
    """What was typed, files by their names alone."""
    files = [*(f"--zoo {Path(source).name}" for source in given.zoo)]
    for flag, value in (("--baseline", given.baseline), ("--data", given.data)):
        files += [f"{flag} {Path(value).name}"] if value else []
    counts = f"-n {given.n} --mixes {given.mixes} --seed {given.seed}"
    return f"python benchmarks/birds.py {' '.join(files)} {counts}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", action="append", required=True, help="one, or several to merge")
    parser.add_argument("--judge", default="birds_judge")
    parser.add_argument("--baseline", help="a zoo whose graph draw makes pictures of noise")
    parser.add_argument("--data", type=Path, help="CUB's layout with mix.csv; else drawn birds")
    parser.add_argument("-n", type=int, default=1000, help="pictures, made and real")
    parser.add_argument("--mixes", type=int, default=400)
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--out", type=Path, default=Path("docs/results/birds"))
    parser.add_argument("--figures", type=Path, default=Path("docs/images"))
    parser.add_argument("--card", type=Path, help="write the zoo with these rows to this file")
    given = parser.parse_args()
    zoo = reduce(or_, [modgan.load(source) for source in given.zoo])
    held = modgan.load(given.judge)
    judges = held["Q"], held["S"]
    size = zoo["R_child"].outputs["image"].shape[-1]
    counts = given.n, given.mixes, size
    truth = listed(given.data, judges[0], *counts) if given.data else drawn(*counts, given.seed)
    d = disentangled(zoo, judges, given.n, torch.Generator().manual_seed(given.seed))
    found = {
        "judges": judged(judges, truth.mixes),
        "other pose": other_pose(judges, truth.mixes),
        "masks": mask_figures(zoo, judges, given.n, given.seed),
        "mixing": mixing(zoo, judges, truth),
        "realism": realism(
            zoo,
            judges[0],
            truth,
            modgan.load(given.baseline) if given.baseline else None,
            given.seed,
        ),
    }
    command = command_of(given)
    what = f"n = {given.n}, {len(truth.mixes.pictures)} mixes, `{command}`"
    write(given.out, page(what, d, found), {"codes": d._asdict(), **found})
    shown = {"stages": stages(zoo, given.seed), "codes": varied(zoo, given.seed)}
    if modes(zoo):
        shown["mixed"] = four(zoo, truth.mixes)
    for name, figure in shown.items():
        path = given.figures / f"{given.out.name}_{name}.png"
        with replacing(path) as temporary:
            figure.save(temporary)
            print(path, file=sys.stderr)
    if given.card:
        graphs = {
            k: v
            for k, v in GRAPHS.items()
            if k == "hierarchy" or k.removesuffix("_mode") in modes(zoo)
        }
        card = replace(zoo.card, graphs=graphs, metrics=card_rows(d, found, given.n, command))
        modgan.Zoo(zoo, card.without_folders()).save(given.card)


if __name__ == "__main__":
    main()

"""How well a zoo of two domains colours sketches, and sketches pictures: content, style, realism.

    python benchmarks/sketches.py --zoo ZOO --judge JUDGE                # drawn ones: minutes
    python benchmarks/sketches.py --zoo ZOO --judge JUDGE --data DIR     # a folder, with its truth

The zoo is MUNIT's wiring (recipes/munit.py), the judge recipes/sketches_judge.py, which saw real
pictures alone. A folder has testA, testB and in testA_styles ten true colourings of every sketch,
NAME_0.png to NAME_9.png. Writes JSON, a table and a figure; `--card` also writes the rows into the
zoo's card.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from einops import rearrange
from PIL import Image
from portraits import write
from sketches_truth import Truth, truth_of
from torch import Tensor

import modgan
from modgan.data.images import sheet, to_image
from modgan.files import replacing
from modgan.metrics.edits import read
from modgan.metrics.frechet import frechet
from modgan.metrics.perceptual import pooled, spread
from modgan.metrics.translation import edge_f1, hue_taken, translated

SHOWN = 8  # rows of the figure


class Figure(NamedTuple):
    """What the zoo reaches, what real pictures do, what is aimed at, and what is by chance."""

    made: float
    real: float | None = None
    aim: str = ""
    chance: float | None = None  # of real pictures of other things, or by another guide


Figures = dict[str, Figure]


class Made(NamedTuple):
    """What the zoo makes of the truth, in -1..1."""

    sampled: Tensor  # (N, K, 3, H, W), every sketch in as many styles as it has true colourings
    guided: Tensor  # (N, 3, H, W), sketches in the style of the other pictures
    sketched: Tensor  # (N, 3, H, W), sketches of the true colourings
    again: Tensor  # (N, 3, H, W), the other pictures, from their content and style
    again_sketches: Tensor  # (N, 3, H, W)


def made_of(zoo: modgan.Zoo, truth: Truth, seed: int) -> Made:
    """Translations with sampled styles, guided ones, and pictures that come back."""
    (a, b), (n, k) = truth.domains, truth.colourings.shape[:2]
    rng = torch.Generator().manual_seed(seed)
    n_style = zoo[f"T_{b}"].inputs["style"].channels
    styles = torch.randn(n * k, n_style, generator=rng)
    flat = {"image": truth.sketches.repeat_interleave(k, 0), "style": styles}
    back = torch.randn(n, zoo[f"T_{a}"].inputs["style"].channels, generator=rng)
    again = {name: modgan.compose([f"{role}_{name}" for role in "EQTR"], zoo) for name in (a, b)}
    guided = zoo.graph(f"{a}_to_{b}_guided")
    return Made(
        translated(zoo.graph(f"{a}_to_{b}"), **flat).unflatten(0, (n, k)),
        translated(guided, image=truth.sketches, guide=truth.pictures),
        translated(zoo.graph(f"{b}_to_{a}"), image=truth.coloured, style=back),
        translated(again[b], image=truth.pictures),
        translated(again[a], image=truth.sketches),
    )


def measure(judge: modgan.Component, truth: Truth, made: Made) -> Figures:
    """All figures, by what they are."""
    apart, real_apart = (
        spread(judge, each).mean().item() for each in (made.sampled, truth.colourings)
    )
    seen, kept = pooled(judge, truth.pictures), chance(truth)
    one, own = made.sampled[:, 0], truth.coloured
    return {
        "sampled: edge F1 against the sketch": Figure(
            _kept(made.sampled, truth),
            _kept(truth.colourings, truth),
            "≥ 0.85",
            kept["content"],
        ),
        "guided: edge F1 against the sketch": Figure(
            edge_f1(made.guided, truth.sketches).mean().item(),
            None if truth.mixed is None else edge_f1(truth.mixed, truth.sketches).mean().item(),
            chance=kept["content"],
        ),
        "guided: hue within a tenth of the circle of the guide's, %": Figure(
            near_hue(made.guided, truth), hue_ceiling(truth), "≥ 85", kept["hue"]
        ),
        "distance between ten styles of a sketch": Figure(apart, real_apart),
        "distance between ten styles, of that of true ones": Figure(
            apart / real_apart, 1.0, "≥ 0.8"
        ),
        "Fréchet distance to real pictures": Figure(
            frechet(pooled(judge, one), seen), frechet(pooled(judge, own), seen)
        ),
        "pictures from their content and style, L1 of 255": Figure(
            off(made.again, truth.pictures), 0.0, "≤ 8"
        ),
        "sketches from their content and style, L1 of 255": Figure(
            off(made.again_sketches, truth.sketches), 0.0
        ),
        "picture to sketch: edge F1 of the picture against it": Figure(
            edge_f1(own, made.sketched).mean().item(), edge_f1(own, truth.sketches).mean().item()
        ),
        "picture to sketch: L1 to the true one, of 255": Figure(
            off(made.sketched, truth.sketches), 0.0
        ),
        **as_read(judge, truth, made),
    }


def as_read(judge: modgan.Component, truth: Truth, made: Made) -> Figures:
    """How often the judge reads the domain, and of drawn ones the kind, that it should."""
    (a, b), own = truth.domains, truth.coloured
    found = {
        f"sampled: read as {b}, %": _as_domain(judge, b, made.sampled[:, 0], own),
        f"picture to sketch: read as {a}, %": _as_domain(judge, a, made.sketched, truth.sketches),
    }
    if truth.kinds is not None and "kind" in judge.outputs:
        at = list(judge.outputs).index("kind")
        found["sampled: kind read as drawn, %"] = Figure(
            *(
                _percent(read(judge, each)[:, at] == truth.kinds)
                for each in (made.sampled[:, 0], own)
            )
        )
    return found


def domain_read(judge: modgan.Component, domain: str, pictures: Tensor) -> float:
    """How often the judge takes pictures for those of a domain, %."""
    at, labels = list(judge.outputs).index("domain"), judge.outputs["domain"].labels
    return _percent(read(judge, pictures)[:, at] == labels.index(domain))


def _as_domain(judge: modgan.Component, domain: str, made: Tensor, real: Tensor) -> Figure:
    return Figure(domain_read(judge, domain, made), domain_read(judge, domain, real))


def near_hue(pictures: Tensor, truth: Truth) -> float:
    """How many have about the hue of the guide, on about as large an area as the truth, %."""
    area = truth.pictures if truth.mixed is None else truth.mixed
    return _percent(hue_taken(pictures, truth.pictures, area))


def hue_ceiling(truth: Truth) -> float:
    """The same of the true guided pictures; where nobody knows them, of guides with any colour."""
    if truth.mixed is None:
        return near_hue(truth.pictures, truth)
    return near_hue(truth.mixed, truth)


def chance(truth: Truth) -> dict[str, float]:
    """What real pictures reach that have nothing to do with the sketch, or with the guide."""
    return {
        "content": edge_f1(truth.pictures, truth.sketches).mean().item(),
        "hue": near_hue(truth.pictures.roll(1, 0), truth),
    }


def _kept(versions: Tensor, truth: Truth) -> float:
    """The mean edge F1 of K versions of every sketch, (N, K, 3, H, W)."""
    each = [edge_f1(some, truth.sketches).mean() for some in versions.unbind(1)]
    return torch.stack(each).mean().item()


def off(a: Tensor, b: Tensor) -> float:
    """Mean |a − b| in grey levels of 255."""
    return 127.5 * (a - b).abs().mean().item()


def _percent(flags: Tensor) -> float:
    return 100 * flags.float().mean().item()


# --- the page ---------------------------------------------------------------------------------


def figure(zoo: modgan.Zoo, truth: Truth, made: Made) -> Image.Image:
    """Sketches in true and made colours, by guides beside, and the guides as sketches."""
    n = min(SHOWN, len(truth.sketches))
    a, b = truth.domains
    turned = truth.pictures.roll(-1, 0)[:n]
    second = translated(zoo.graph(f"{a}_to_{b}_guided"), image=truth.sketches[:n], guide=turned)
    columns = {
        "sketch": truth.sketches,
        "truth": truth.coloured,
        **{f"style {k + 1}": made.sampled[:, k] for k in range(4)},
        "guide": truth.pictures,
        "guided": made.guided,
        "guide 2": turned,
        "guided 2": second,
        "picture": truth.colourings[:, -1],
        "to sketch": translated(
            zoo.graph(f"{b}_to_{a}"),
            image=truth.colourings[:n, -1],
            style=torch.zeros(n, zoo[f"T_{a}"].inputs["style"].channels),
        ),
    }
    few = torch.stack([column[:n] for column in columns.values()])
    rows = [[to_image(each) for each in row] for row in rearrange(few, "k n c h w -> n k c h w")]
    return sheet(rows, list(columns), scale=2)


def page(what: str, found: Mapping[str, Figure]) -> str:
    """The figures as Markdown."""
    lines = [f"| {name} | {' | '.join(_cells(each))} |" for name, each in found.items()]
    return f"""{what}.

| | this zoo | aim | real pictures | by chance |
|---|---|---|---|---|
{chr(10).join(lines)}

Ten styles are sampled for every sketch. Real pictures are true colourings of the same sketches;
their Fréchet distance is that to pictures of other things, as the zoo's is. Of guided pictures the
truth is known where they are drawn; else the last column tells how many guides have any colour. A
picture with less than half the coloured area of the true guided one (of the guide, where that is
unknown) counts as one of the wrong hue. By chance: real pictures of other things, and
of another hue than the guide's. Distances are on the maps of the judge's three halvings
(`modgan/metrics/perceptual.py`), for Fréchet's on their means over positions.
"""


def _cells(figure: Figure) -> list[str]:
    real, by_chance = (
        "" if value is None else f"{value:.3g}" for value in (figure.real, figure.chance)
    )
    return [f"{figure.made:.3g}", figure.aim, real, by_chance]


def card_rows(
    found: Mapping[str, Figure], split: str, n: int, command: str
) -> list[dict[str, Any]]:
    """The rows of the card."""
    same = {"n": n, "command": command}
    rows = [
        {"name": name, "value": round(each.made, 4), "split": split, **same}
        for name, each in found.items()
    ]
    return rows + [
        {"name": f"real pictures, {name}", "value": round(each.real, 4), "split": split, **same}
        for name, each in found.items()
        if each.real
    ]


def command_of(given: argparse.Namespace) -> str:
    """What was typed, files by their names alone."""
    names = {"--zoo": given.zoo, "--judge": given.judge, "--data": given.data}
    files = [f"{flag} {Path(value).name}" for flag, value in names.items() if value]
    return f"python benchmarks/sketches.py {' '.join(files)} -n {given.n} --seed {given.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="sketches")
    parser.add_argument("--judge", default="sketches_judge")
    parser.add_argument("--data", type=Path, help="a folder with its truth; else drawn sketches")
    parser.add_argument("-n", type=int, default=300, help="sketches")
    parser.add_argument("--seed", type=int, default=99, help="of drawn sketches, and of styles")
    parser.add_argument("--out", type=Path, default=Path("docs/results/sketches"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/sketches.png"))
    parser.add_argument("--card", type=Path, help="write the rows into the card of this zoo file")
    given = parser.parse_args()
    zoo, judge = modgan.load(given.zoo), modgan.load(given.judge)["Q"]
    size = judge.inputs["image"].shape[-1]
    truth = truth_of(given.data, given.n, size, given.seed)
    made = made_of(zoo, truth, given.seed)
    found, n = measure(judge, truth, made), len(truth.sketches)
    command = command_of(given)
    text = page(f"n = {n}, {truth.what}, `{command}`", found)
    write(given.out, text, {name: each._asdict() for name, each in found.items()})
    with replacing(given.figure) as temporary:
        figure(zoo, truth, made).save(temporary)
    if given.card:
        full = modgan.load(given.card)
        metrics = card_rows(found, truth.what, n, command)
        a, b = truth.domains
        graphs = full.card.graphs | {"guided": full.card.graphs[f"{a}_to_{b}_guided"]}
        modgan.Zoo(full, replace(full.card, metrics=metrics, graphs=graphs)).save(given.card)


if __name__ == "__main__":
    main()

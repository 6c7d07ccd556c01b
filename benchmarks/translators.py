"""Ways to translate between two domains, trained equally long on the same unpaired pictures.

    python benchmarks/translators.py train --out RUNS               # drawn ones: hours on two cores
    python benchmarks/translators.py table                          # the zoos of the repository
    python benchmarks/translators.py train --data DIR --out RUNS    # trainA, trainB, testA, testB
    python benchmarks/translators.py table --data DIR --zoos RUNS --judge JUDGE --out NAME

Equal time is that of so many steps of MUNIT (`equal_time.py`). The judge is
recipes/sketches_judge.py; the folder also has the truth that benchmarks/sketches.py needs. Writes
JSON, a table and a sheet.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equal_time
import torch
from equal_time import Timed
from PIL import Image
from portraits import command, write
from sketches import chance, domain_read, hue_ceiling, near_hue, off
from sketches_truth import Truth, truth_of
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import cogan
import combogan
import cyclegan
import direct
import fader
import munit
import stargan
import unit
import vaegan_pair
import xgan

import modgan
from modgan.data.images import sheet, to_image
from modgan.files import replacing
from modgan.graph import Graph
from modgan.metrics.frechet import frechet
from modgan.metrics.perceptual import pooled, spread
from modgan.metrics.translation import edge_f1, translated

SYSTEMS = {
    "munit": Timed("MUNIT", munit.recipe),
    "unit": Timed("UNIT", unit.recipe),
    "cogan": Timed("CoGAN", cogan.recipe),
    "combogan": Timed("ComboGAN", combogan.recipe),
    "xgan": Timed("XGAN", xgan.recipe),
    "fader": Timed("Fader networks", fader.recipe),
    "vaegan_pair": Timed("two VAE-GANs", vaegan_pair.recipe),
    "direct": Timed("direct", direct.recipe, settings={"w_perceptual": 0.0}),
    "perceptual": Timed("perceptual", direct.recipe, changes="prepare"),
    "cyclegan": Timed("CycleGAN", cyclegan.recipe),
    "stargan": Timed("StarGAN", stargan.recipe),
}
COLUMNS = {
    "content": ("edge F1", "{:.3f}"),
    "to_picture": ("read as a picture, %", "{:.1f}"),
    "to_sketch": ("read as a sketch, %", "{:.1f}"),
    "realism": ("Fréchet distance, pictures", "{:.2f}"),
    "diversity": ("diversity", "{:.2f}"),
    "cycle_sketch": ("cycle error, sketches", "{:.1f}"),
    "cycle_picture": ("cycle error, pictures", "{:.1f}"),
    "hue": ("guide's hue, %", "{:.1f}"),
    "parameters": ("parameters", "{:,}"),
    "steps": ("steps", "{:,}"),
    "minutes": ("minutes", "{}"),
}
ROWS = 4  # of the sheet, in either direction
Scores = dict[str, Any]


class Way:
    """The way of a zoo from pictures of one domain to another; styles are drawn."""

    def __init__(self, graph: Graph, target: str, rng: torch.Generator) -> None:
        self.graph, self.target, self.rng = graph, target, rng
        self.codes = {name: spec for name, spec in graph.inputs.items() if name != "image"}
        self.samples = any(spec.space == "normal" for spec in self.codes.values())

    def __call__(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in the target domain."""
        codes = {name: self._code(spec, len(pictures)) for name, spec in self.codes.items()}
        return translated(self.graph, image=pictures, **codes)

    def _code(self, spec: modgan.FeatureSpec, count: int) -> Tensor:
        if spec.space == "normal":
            return torch.randn(count, *spec.shape, generator=self.rng)
        return torch.eye(spec.channels)[spec.labels.index(self.target)].expand(count, -1)


def way(zoo: modgan.Zoo, source: str, target: str, rng: torch.Generator) -> Way | None:
    """How the zoo translates, if it does."""
    graphs = zoo.card.graphs
    name = next((each for each in (f"{source}_to_{target}", "to_domain") if each in graphs), None)
    return Way(zoo.graph(name), target, rng) if name else None


def measure(zoo: modgan.Zoo, judge: modgan.Component, truth: Truth, seed: int) -> Scores:
    """All figures of a zoo; those it has no wiring for are left out."""
    rng = torch.Generator().manual_seed(seed)
    if "pair" in zoo.card.graphs:
        return _paired(zoo, judge, truth, rng)
    (a, b), x = truth.domains, truth.sketches
    there, back = way(zoo, a, b, rng), way(zoo, b, a, rng)
    assert there is not None, f"no graph {a}_to_{b} in {list(zoo.card.graphs)}"
    made = there(x)
    found = {
        "content": edge_f1(made, x).mean().item(),
        "to_picture": domain_read(judge, b, made),
        "realism": _unlike(judge, made, truth),
        "diversity": _diversity(judge, there, truth) if there.samples else 0.0,
    }
    guided = f"{a}_to_{b}_guided" in zoo.card.graphs
    if guided:
        found["hue"] = near_hue(_guided(zoo, a, b, truth.pictures)(x), truth)
    if back:
        drawn = back(truth.pictures)
        found["to_sketch"] = domain_read(judge, a, drawn)
        again, again_sketches = there, back
        if guided:
            again = _guided(zoo, a, b, truth.pictures)
            again_sketches = _guided(zoo, b, a, x)
        found["cycle_sketch"] = off(again_sketches(made), x)
        found["cycle_picture"] = off(again(drawn), truth.pictures)
    return found


def _guided(zoo: modgan.Zoo, source: str, target: str, guide: Tensor) -> Callable[[Tensor], Tensor]:
    """The way from one domain to another, in the style of `guide` (B, 3, H, W)."""
    graph = zoo.graph(f"{source}_to_{target}_guided")
    return lambda pictures: translated(graph, image=pictures, guide=guide)


def _paired(zoo: modgan.Zoo, judge: modgan.Component, truth: Truth, rng: torch.Generator) -> Scores:
    """CoGAN's figures, of pairs that it draws: it has no way from a given picture."""
    a, b = truth.domains
    pairs = drawn_pairs(zoo, len(truth.sketches), rng)
    return {
        "content": edge_f1(pairs[b], pairs[a]).mean().item(),
        "to_picture": domain_read(judge, b, pairs[b]),
        "to_sketch": domain_read(judge, a, pairs[a]),
        "realism": _unlike(judge, pairs[b], truth),
    }


def drawn_pairs(zoo: modgan.Zoo, count: int, rng: torch.Generator) -> dict[str, Tensor]:
    """Pictures of every domain (B, 3, H, W) that belong together, from noise."""
    z = torch.randn(count, *zoo["G"].inputs["z"].shape, generator=rng)
    with torch.inference_mode():
        return zoo.graph("pair")(z=z)


def _diversity(judge: modgan.Component, there: Way, truth: Truth) -> float:
    """The distance between styles of one sketch, of that between its true colourings."""
    versions = [there(truth.sketches) for _ in range(truth.colourings.shape[1])]
    apart = spread(judge, torch.stack(versions, 1)).mean()
    return (apart / spread(judge, truth.colourings).mean()).item()


def _unlike(judge: modgan.Component, made: Tensor, truth: Truth) -> float:
    """The Fréchet distance to real pictures, on what the judge sees."""
    return frechet(pooled(judge, made), pooled(judge, truth.pictures))


def real(judge: modgan.Component, truth: Truth) -> Scores:
    """What true pictures reach."""
    a, b = truth.domains
    return {
        "content": edge_f1(truth.coloured, truth.sketches).mean().item(),
        "to_picture": domain_read(judge, b, truth.pictures),
        "to_sketch": domain_read(judge, a, truth.sketches),
        "realism": _unlike(judge, truth.coloured, truth),
        "diversity": 1.0,
        "hue": hue_ceiling(truth),
    }


# --- the page ---------------------------------------------------------------------------------


def page(rows: dict[str, Scores], what: str) -> str:
    """The table as Markdown."""
    titles = {name: each.title for name, each in SYSTEMS.items()}
    titles |= {"real": "real pictures", "chance": "real pictures of other things"}
    lines = [
        f"| {titles[name]} | " + " | ".join(_cell(row, key) for key in COLUMNS) + " |"
        for name, row in rows.items()
    ]
    return f"""{what}.

| | {" | ".join(title for title, _ in COLUMNS.values())} |
{"|---" * (len(COLUMNS) + 1)}|
{chr(10).join(lines)}

Edge F1 is that of the coloured picture against its sketch. The Fréchet distance is that of coloured
sketches to pictures of other things, on features of the judge. Diversity is the distance between
ten styles of a sketch, of that between its ten true colourings; 0 where a sketch has one
translation. Cycle errors are mean differences to what went there and back, in grey levels of 255,
with the style of the sketch or picture itself where a system can take one. The hue counts if it is
within a tenth of the circle of the guide's, on at least half the coloured area of the true guided
picture (of a folder: of the guide); beside it, how many true guided pictures' (of a folder: how
many guides have any colour). CoGAN draws pairs and translates nothing given: its figures are of
pairs. Parameters are those that translate; critics are left out.
"""


def _cell(row: Scores, key: str) -> str:
    return COLUMNS[key][1].format(row[key]) if key in row else ""


def examples(found: dict[str, modgan.Zoo], truth: Truth, seed: int) -> Image.Image:
    """Sketches and what every system makes of them; then pictures, the other way."""
    a, b = truth.domains
    rows: list[list[Image.Image]] = []
    for source, target, given, wanted in (
        (a, b, truth.sketches[:ROWS], truth.coloured),
        (b, a, truth.colourings[:ROWS, -1], truth.sketches),
    ):
        columns = [given, wanted[:ROWS]]
        for zoo in found.values():
            columns.append(_shown(zoo, source, target, given, seed))
        rows += [[to_image(each) for each in row] for row in zip(*columns, strict=True)]
    return sheet(rows, ["input", "truth", *(SYSTEMS[name].title for name in found)], scale=2)


def _shown(zoo: modgan.Zoo, source: str, target: str, given: Tensor, seed: int) -> Tensor:
    """A column of the sheet: translations, one side of pairs, or nothing."""
    rng = torch.Generator().manual_seed(seed)
    if "pair" in zoo.card.graphs:
        return drawn_pairs(zoo, len(given), rng)[target]
    translate = way(zoo, source, target, rng)
    return translate(given) if translate else torch.ones_like(given)


def table(given: argparse.Namespace, typed: str) -> None:
    """Score the zoos that are there, and write the page."""
    plan = equal_time.planned(given.zoos)
    judge = modgan.load(given.judge)["Q"]
    size = judge.inputs["image"].shape[-1]
    truth = truth_of(given.data, given.n, size, given.seed)
    rows: dict[str, Scores] = {"real": real(judge, truth), "chance": chance(truth)}
    found: dict[str, modgan.Zoo] = {}
    for name, zoo in equal_time.zoos(given.zoos, given.systems or list(SYSTEMS)):
        found[name] = zoo
        rows[name] = {
            **measure(zoo, judge, truth, given.seed),
            "parameters": sum(p.numel() for part in zoo.values() for p in part.parameters()),
            "steps": zoo.card.provenance["step"],
            "minutes": plan[name]["minutes"],
        }
    what = f"n = {len(truth.sketches)}, {truth.what}, styles of seed {given.seed}, `{typed}`"
    write(given.out, page(rows, what), rows)
    with replacing(given.figure) as temporary:
        examples(found, truth, given.seed).save(temporary)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "table"))
    parser.add_argument("--data", type=Path, help="a folder of two domains; else drawn")
    parser.add_argument("--systems", nargs="*", choices=list(SYSTEMS), help="else all")
    parser.add_argument("--steps", type=int, default=5_000, help="of MUNIT")
    parser.add_argument("--out", type=Path, help="runs, or the page of results")
    parser.add_argument("--zoos", type=Path, default=Path("benchmarks/zoos/translation"))
    parser.add_argument("--judge", default="sketches_judge")
    parser.add_argument("--figure", type=Path, default=Path("docs/images/translation.png"))
    parser.add_argument("-n", type=int, default=300, help="test sketches")
    parser.add_argument("--seed", type=int, default=99, help="of test sketches and styles")
    given = parser.parse_args()
    if given.what == "train":
        data = {"data": str(given.data or ""), "workers": 0}
        names = given.systems or list(SYSTEMS)
        equal_time.train(SYSTEMS, names, data, given.steps, given.out or Path("runs/translation"))
    else:
        given.out = given.out or Path("docs/results/translation")
        table(given, command(given, parser, "data", "zoos", "judge"))


if __name__ == "__main__":
    main()

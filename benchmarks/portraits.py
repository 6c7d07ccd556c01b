"""How well the portraits zoo edits, on drawn portraits it never saw.

    python benchmarks/portraits.py                      # the released zoo: minutes on two cores
    python benchmarks/portraits.py --zoo FILE -n 100

Every test portrait gets one target for each attribute, always another label than its own. Every
single edit, pair and triple is composed in every order and compared with the exact counterfactual
(the same person drawn with the target labels). Writes JSON and a table; `--card` also writes the
rows into the zoo's card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

import modgan
from modgan.data.images import batch, normalise
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.files import replacing
from modgan.metrics.edits import EditScores, accuracy, apply_codes, means, score

NAMES = tuple(ATTRIBUTES)
SPLIT = "drawn portraits, seed {}"


class Test:
    """Test portraits, a target label for each attribute, and the truth of every edit."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.data = Portraits(count, size, seed)
        self.pictures, self.labels = batch(self.data, range(count))
        rng = torch.Generator().manual_seed(seed)
        sizes = torch.tensor([len(labels) for labels in ATTRIBUTES.values()])
        steps = 1 + (torch.rand(self.labels.shape, generator=rng) * (sizes - 1)).long()
        self.targets = (self.labels + steps) % sizes

    def truth(self, names: tuple[str, ...]) -> Tensor:
        """The same people with their targets for `names`, (B, 3, H, W) in -1..1."""
        drawn = []
        for index, target in enumerate(self.targets.tolist()):
            goal = dict(zip(NAMES, target, strict=True))
            changed = {name: ATTRIBUTES[name][goal[name]] for name in names}
            drawn.append(self.data.counterfactual(index, **changed))
        return normalise(torch.stack(drawn))

    def wanted(self, names: tuple[str, ...]) -> Tensor:
        """The labels (B, A) that pictures should have after editing `names`."""
        edited = torch.tensor([name in names for name in NAMES])
        return torch.where(edited, self.targets, self.labels)


def measure(zoo: modgan.Zoo, judge: modgan.Component, test: Test) -> dict[str, Any]:
    """Scores of every single edit, pair and triple, each in all orders."""
    alone = {name: test.truth((name,)) for name in NAMES}
    codes = dict(zip(NAMES, test.targets.T, strict=True))
    sets = [names for k in (1, 2, 3) for names in combinations(NAMES, k)]
    results: dict[str, Any] = {}
    for names in tqdm(sets, unit="edit"):
        truth = test.truth(names) if len(names) > 1 else alone[names[0]]
        rows: list[EditScores] = []
        for order in permutations(names):
            graph = modgan.compose(["E", *(f"T_{name}" for name in order), "R"], zoo)
            out = apply_codes(graph, test.pictures, {name: codes[name] for name in names})
            own = {name: alone[name] for name in names}
            rows.append(score(out, test.pictures, own, truth, judge, test.wanted(names)))
        errors = [row.error for row in rows]
        spread = max(errors) - min(errors)
        results["+".join(names)] = {**asdict(means(rows)), "orders": len(rows), "spread": spread}
    return results


def metrics(
    results: Mapping[str, Any], real: Mapping[str, float], n: int, seed: int, command: str
) -> list[dict[str, Any]]:
    """The rows of the card: what the targets speak of."""
    split = SPLIT.format(seed)

    def row(name: str, value: float) -> dict[str, Any]:
        return {"name": name, "value": round(value, 4), "split": split, "n": n, "command": command}

    rows = [row(f"judge accuracy on real pictures, {k}", v) for k, v in real.items()]
    for k, word in ((1, "single edits"), (2, "pairs"), (3, "triples")):
        group = [r for names, r in results.items() if names.count("+") == k - 1]
        rows += [
            row(f"{word}, mean error", sum(r["error"] for r in group) / len(group)),
            row(f"{word}, worst error", max(r["error"] for r in group)),
            row(f"{word}, worst spread between orders", max(r["spread"] for r in group)),
            row(f"{word}, attributes kept", min(r["kept"] for r in group)),
        ]
    single = {name: results[name] for name in NAMES}
    rows += [
        row(f"inside, error over copying, {n_}", r["inside"] / r["inside_copy"])
        for n_, r in single.items()
    ]
    rows += [row(f"outside, grey levels, {n_}", r["outside"]) for n_, r in single.items()]
    rows += [row(f"mask inside over outside, {n_}", r["masks"][n_]) for n_, r in single.items()]
    return rows


def table(results: Mapping[str, Any]) -> str:
    """Markdown: one line per set of edits."""
    lines = [
        "| edits | orders | error % | spread | kept % | inside | of copying | outside | masks |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for names, r in results.items():
        masks = " ".join(f"{value:.1f}" for value in r["masks"].values())
        lines.append(
            f"| {names} | {r['orders']} | {100 * r['error']:.1f} | {100 * r['spread']:.1f} "
            f"| {100 * r['kept']:.1f} | {r['inside']:.1f} | {r['inside'] / r['inside_copy']:.2f} "
            f"| {r['outside']:.2f} | {masks} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="portraits")
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("-n", type=int, default=500, help="test portraits")
    parser.add_argument("--seed", type=int, default=99, help="of the test portraits")
    parser.add_argument("--out", type=Path, default=Path("docs/results/portraits"))
    parser.add_argument("--card", type=Path, help="write the rows into the card of this zoo file")
    given = parser.parse_args()
    zoo, judge = modgan.load(given.zoo), modgan.load(given.judge)["Q"]
    test = Test(given.n, zoo["E"].inputs["image"].shape[-1], given.seed)
    real = accuracy(judge, test.pictures, test.labels)
    results = measure(zoo, judge, test)
    command = f"python benchmarks/portraits.py -n {given.n} --seed {given.seed}"
    rows = metrics(results, real, given.n, given.seed, command)
    page = [
        f"n = {given.n}, {SPLIT.format(given.seed)}, `{command}`; errors inside and outside the",
        "truly changed pixels are mean absolute differences from the exact counterfactual in grey",
        "levels of 255; masks are means inside over means outside the region of their own edit.",
        "",
        table(results),
        "",
        "Judge's accuracy on the real test pictures: "
        + ", ".join(f"{name} {100 * value:.1f}%" for name, value in real.items())
        + ".",
        "",
    ]
    for suffix, text in ((".json", json.dumps(results, indent=1) + "\n"), (".md", "\n".join(page))):
        with replacing(given.out.with_suffix(suffix)) as temporary:
            temporary.write_text(text)
    print("\n".join(page))
    if given.card:
        full = modgan.load(given.card)
        modgan.Zoo(full, replace(full.card, metrics=rows)).save(given.card)


if __name__ == "__main__":
    main()

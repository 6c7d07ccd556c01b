"""How well a zoo edits portraits it never saw, against the exact counterfactuals.

    python benchmarks/portraits.py                      # the released zoo: minutes on two cores
    python benchmarks/portraits.py --zoo FILE -n 100
    python benchmarks/portraits.py --truth FILE.npz --zoo FILE --judge FILE --out NAME

Every test portrait gets one target for each attribute, always another label than its own. Every
single edit, pair and triple is composed in every order and compared with the exact counterfactual
(the same person with the target labels): drawn for the purpose, or taken from an archive that has
the picture of every combination of labels. Writes JSON and a table; `--card` also writes the rows
into the zoo's card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import modgan
from modgan.data.images import batch, normalise, other_labels
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.files import replacing
from modgan.metrics.editors import Editor, modular
from modgan.metrics.edits import EditScores, accuracy, means, score

Labels = Mapping[str, Sequence[str]]


class Test:
    """Test pictures (B, 3, H, W) with labels (B, A), and a target for each attribute."""

    def __init__(self, pictures: Tensor, labels: Tensor, attributes: Labels, seed: int) -> None:
        self.pictures, self.labels, self.attributes = pictures, labels, attributes
        rng = torch.Generator().manual_seed(seed)
        self.targets = other_labels(labels, attributes, rng)

    def wanted(self, names: tuple[str, ...]) -> Tensor:
        """The labels (B, A) that pictures should have after editing `names`."""
        edited = torch.tensor([name in names for name in self.attributes])
        return torch.where(edited, self.targets, self.labels)

    def truth(self, names: tuple[str, ...]) -> Tensor:
        """The same people with their targets for `names`, (B, 3, H, W) in -1..1."""
        raise NotImplementedError


class Drawn(Test):
    """Portraits drawn here."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.data, self.what = Portraits(count, size, seed), f"drawn portraits, seed {seed}"
        super().__init__(*batch(self.data, range(count)), ATTRIBUTES, seed)

    def truth(self, names: tuple[str, ...]) -> Tensor:
        drawn = []
        for index, target in enumerate(self.targets.tolist()):
            goal = dict(zip(self.attributes, target, strict=True))
            changed = {name: self.attributes[name][goal[name]] for name in names}
            drawn.append(self.data.counterfactual(index, **changed))
        return normalise(torch.stack(drawn))


class Archive(Test):
    """Portraits with the picture of every combination of labels.

    The archive holds `grid` uint8 (B, n, 2, ..., H, W, 3), whose second axis is the hair by
    `hair_values` and whose others are no and yes of the attributes `binary`, and `base`, the
    portraits as they are.
    """

    def __init__(self, path: Path, count: int, seed: int) -> None:
        with np.load(path) as file:
            grid, base = file["grid"][:count], file["base"][:count]
            hair = [str(value).removesuffix("_Hair").lower() for value in file["hair_values"]]
            attributes = {"hair": hair}
            attributes |= {str(name).lower(): ["no", "yes"] for name in file["binary"]}
        self.grid, self.what = torch.from_numpy(grid), f"the portraits of {path.name}"
        pictures = torch.from_numpy(base)
        same = (self.grid == pictures.view(-1, *[1] * len(attributes), *base.shape[1:])).all(
            (-1, -2, -3)
        )
        labels = same.nonzero()[:, 1:]
        assert len(labels) == len(base), f"{path}: a portrait fits several combinations or none"
        super().__init__(_channels_first(pictures), labels, attributes, seed)

    def truth(self, names: tuple[str, ...]) -> Tensor:
        cells = self.wanted(names).T
        return _channels_first(self.grid[torch.arange(len(self.grid)), *cells])


def _channels_first(pictures: Tensor) -> Tensor:
    return normalise(pictures.permute(0, 3, 1, 2).contiguous())


def measure(
    edit: Editor,
    judge: modgan.Component,
    test: Test,
    attributes: Sequence[str],
    ordered: bool = True,
) -> dict[str, Any]:
    """Scores of every single edit, pair and triple of `attributes`, in all orders or in one."""
    alone = {name: test.truth((name,)) for name in attributes}
    sets = [names for k in (1, 2, 3) for names in combinations(attributes, k)]
    results: dict[str, Any] = {}
    for names in tqdm(sets, unit="edit"):
        truth = test.truth(names) if len(names) > 1 else alone[names[0]]
        rows: list[EditScores] = []
        for order in permutations(names) if ordered else [names]:
            out = edit(order, test.pictures, test.wanted(names))
            own = {name: alone[name] for name in names}
            rows.append(score(out, test.pictures, own, truth, judge, test.wanted(names)))
        errors = [row.error for row in rows]
        spread = max(errors) - min(errors)
        apart = {"orders": len(rows), "spread": spread, "as_listed": errors[0]}
        results["+".join(names)] = {**asdict(means(rows)), **apart}
    return results


def metrics(
    results: Mapping[str, Any], real: Mapping[str, float], split: str, n: int, command: str
) -> list[dict[str, Any]]:
    """The rows of the card: what the targets speak of."""

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
    single = {name: results[name] for name in real}
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


def command(given: argparse.Namespace, parser: argparse.ArgumentParser, *keys: str) -> str:
    """What makes a page: those of the flags `keys` that are not as usual, files by their names."""
    said = [
        f" --{key} {Path(str(getattr(given, key))).name}"
        for key in keys
        if getattr(given, key) != parser.get_default(key)
    ]
    what = " table" if hasattr(given, "what") else ""
    return f"python benchmarks/{parser.prog}{what}{''.join(said)} -n {given.n}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="portraits")
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("--truth", type=Path, help="an archive of counterfactuals (.npz)")
    parser.add_argument("-n", type=int, default=500, help="test portraits")
    parser.add_argument("--seed", type=int, default=99, help="of the test portraits and targets")
    parser.add_argument("--out", type=Path, default=Path("docs/results/portraits"))
    parser.add_argument("--card", type=Path, help="write the rows into the card of this zoo file")
    given = parser.parse_args()
    zoo, judge = modgan.load(given.zoo), modgan.load(given.judge)["Q"]
    command = f"python benchmarks/portraits.py -n {given.n} --seed {given.seed}"
    test: Test
    if given.truth:
        test = Archive(given.truth, given.n, given.seed)
        command += f" --truth {given.truth.name} --zoo ZOO --judge JUDGE"
    else:
        test = Drawn(given.n, zoo["E"].inputs["image"].shape[-1], given.seed)
    n = len(test.pictures)
    real = accuracy(judge, test.pictures, test.labels)
    results = measure(modular(zoo, test.attributes), judge, test, list(test.attributes))
    rows = metrics(results, real, test.what, n, command)
    write(given.out, page(results, real, f"n = {n}, {test.what}, `{command}`"), results)
    if given.card:
        full = modgan.load(given.card)
        modgan.Zoo(full, replace(full.card, metrics=rows)).save(given.card)


def page(results: Mapping[str, Any], real: Mapping[str, float], what: str) -> str:
    """The table with what its columns mean."""
    read = ", ".join(f"{name} {100 * value:.1f}%" for name, value in real.items())
    return f"""{what}; errors inside and outside the
truly changed pixels are mean absolute differences from the exact counterfactual in grey
levels of 255; masks are means inside over means outside the region of their own edit.

{table(results)}

Judge's accuracy on the real test pictures: {read}.
"""


def write(path: Path, text: str, results: Mapping[str, Any]) -> None:
    """The page and the numbers, beside each other."""
    for suffix, what in ((".json", json.dumps(results, indent=1) + "\n"), (".md", text)):
        with replacing(path.with_suffix(suffix)) as temporary:
            temporary.write_text(what)
    print(text)


if __name__ == "__main__":
    main()

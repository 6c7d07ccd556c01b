"""A classifier of labelled portraits, which judges what the zoos do to them.

modgan train recipes/portraits_judge.py                # drawn portraits: minutes on two cores
modgan train recipes/portraits_judge.py --data DIR     # your own labelled pictures
modgan train recipes/portraits_judge.py --smoke        # seconds
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from judge import judge
from PIL import Image
from portraits_data import Data, card, others, pictures

from modgan.component import Component
from modgan.metrics.editors import Editor
from modgan.metrics.judged import Judged, as_rows, progress, table
from modgan.train import Engine, Score, main, run
from modgan.train.samples import edits
from modgan.zoo import load


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    channels: int = 24  # width of the first convolution
    pictures: int = 8_000  # drawn portraits
    data_seed: int = 7  # of the portraits; the zoo trains on 1, tests run on 99
    batch: int = 48  # pictures a step
    shift: int = 0  # pixels that a picture is moved at most
    noise: float = 0.1  # largest standard deviation of the noise, in -1..1
    lr: float = 1e-3
    steps: int = 800
    decay: float = 1.0  # share of the steps, the last, in which the rate falls to 0
    ema: float = 0.98
    workers: int = 1  # processes that draw


@dataclass(frozen=True)
class Judging:
    """Every knob of the judgement once."""

    judge_steps: int = 800  # of the classifier that judges the edits
    followed: int = 100  # pictures that figures are taken on while training
    tested: int = 300  # and at the end


recipe = judge("portraits_judge", Settings(), pictures, card)


def trained(s: Any, folder: Path, device: str) -> Component:
    """A judge of the same kind of pictures as `s`, trained in `folder`/judge."""
    given = {key: getattr(s, key) for key in ("data", "attributes", "licence", "size", "workers")}
    count = min(Settings.pictures, s.pictures)
    settings = Settings(**given, pictures=count, steps=s.judge_steps)
    engine = Engine(device=device)
    path = run(recipe, settings, folder / "judge", resume=True, engine=engine)
    return load(path)["Q"]


def scoring(
    editor: Callable[[Mapping[str, Component], Mapping[str, Any]], Editor],
) -> Callable[[Any, Path, str], Score]:
    """The `score` of a recipe whose parts edit as `editor(parts, attributes)` does."""

    def score(s: Any, folder: Path, device: str) -> Score:
        """Errors of edits as a judge reads them, who is trained on real pictures first."""
        Q = trained(s, folder, device).to(device)
        val = Judged(others(s, "val", s.followed), s.followed, Q)

        def figures(parts: Mapping[str, Component], final: bool) -> list[dict[str, Any]]:
            edit = editor(parts, val.attributes)
            if not final:
                return as_rows(progress(edit, val), "val", len(val.pictures))
            test = Judged(others(s, "test", s.tested), s.tested, Q)
            return as_rows(table(edit, test), "test", len(test.pictures))

        return figures

    return score


def sampling(
    editor: Callable[[Mapping[str, Component], Mapping[str, Any]], Editor],
) -> Callable[[Any, Mapping[str, Component]], Image.Image]:
    """The `sheet` of such a recipe: edits of eight pictures that are not trained on."""

    def sheet(s: Any, parts: Mapping[str, Component]) -> Image.Image:
        data = others(s, "val", 8)
        device = next(p.device for part in parts.values() for p in part.parameters())
        return edits(editor(parts, data.attributes), data, device)

    return sheet


if __name__ == "__main__":
    main(recipe)

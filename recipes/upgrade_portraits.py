"""A better reconstructor for a zoo whose space stays: E and every T keep their bits.

    modgan train recipes/upgrade_portraits.py --zoo ZOO               # drawn portraits
    modgan train recipes/upgrade_portraits.py --zoo ZOO --data DIR    # those it learned from

The new R begins as the old one, with further blocks that add nothing yet. It needs no critic: it
learns to return pictures from their features, and from features that are a little off, as those
that T's make are. The run writes one file with R alone; it takes the place of the old one:
compose(steps, parts=[load(ZOO, only=["E", "T_hair"]), FILE]). A better T is `join_portraits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import portraits_data
import torch
from join_portraits import zoo
from label_critics import Parts, Terms, noisy
from portraits_data import Data, found, labels_of, pictures
from portraits_judge import Judging, sampling, scoring

from modgan.card import Card
from modgan.component import Component
from modgan.components import PatchReconstructor
from modgan.losses import l1
from modgan.metrics.editors import modular
from modgan.train import Batch, Phase, Recipe, Share, TrainingError, main


@dataclass(frozen=True)
class Settings(Judging, Data):
    """Every knob once; the pictures must have the size and attributes of the zoo."""

    zoo: str = "portraits"  # a zoo file, or the name of a released one
    n_res: int = 3  # residual blocks of the new R
    batch: int = 16  # pictures a step
    noise: float = 0.15  # largest standard deviation of the noise on features
    lr: float = 4e-4
    steps: int = 1_000
    decay: float = 0.5  # share of the steps, the last, in which the rate falls to 0
    ema: float = 0.995


def frozen(s: Settings) -> list[str]:
    """E and the T's."""
    return [name for name in zoo(s.zoo) if name != "R"]


def parts(s: Settings) -> dict[str, Component]:
    """The zoo as it is, and a new R."""
    held, labels = zoo(s.zoo), labels_of(s)
    E = held["E"]
    wanted = [f"T_{name}" for name in labels]
    if sorted(["E", *wanted]) != sorted(frozen(s)) or s.size != E.inputs["image"].shape[-1]:
        raise TrainingError(
            f"{s.zoo} holds {', '.join(frozen(s))} for {E.inputs['image']}, the pictures of "
            f"{s.size} pixels are labelled with {', '.join(labels)}: pass --attributes and --size"
        )
    return {**{name: held[name] for name in frozen(s)}, "R": grown(held["R"], s.n_res)}


def grown(old: Component, n_res: int) -> PatchReconstructor:
    """An R of `n_res` blocks that does what the old one does; one of another kind begins anew."""
    R = PatchReconstructor(old.inputs["feature"], old.outputs["image"], n_res)
    if isinstance(old, PatchReconstructor):
        if n_res < len(old.blocks):
            raise TrainingError(f"--n-res {n_res}: the zoo's R has {len(old.blocks)} blocks")
        state = R.state_dict()
        last = ("body.3.weight", "body.3.bias")
        nothing = {name: torch.zeros_like(v) for name, v in state.items() if name.endswith(last)}
        R.load_state_dict({**state, **nothing, **old.state_dict()})
    return R


def plan(s: Settings) -> str:
    """What was found in the folder, and what will be trained on it."""
    return f"{found(s)}\n{s.steps:,} steps for R; {', '.join(frozen(s))} stay as they are.\n"


def batch(s: Settings, at: Share) -> Batch:
    """Pictures; nobody looks at their labels."""
    x, _ = at.draw(pictures(s), s.batch, s.seed)
    return {"image": x, "noise": s.noise}


def r_loss(parts: Parts, batch: Batch) -> Terms:
    """R: pictures from their features, and from noisy ones."""
    x = batch["image"]
    with torch.no_grad():
        f = parts["E"](x)
    return {
        "image": l1(parts["R"](f), x),
        "noisy": l1(parts["R"](noisy(f, batch["noise"])), x),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    return [Phase("R", ("R",), r_loss, {"image": 1.0, "noisy": 1.0}, s.lr, (0.0, 0.99))]


def card(s: Settings) -> Card:
    """What the file is; it holds R alone."""
    made = portraits_data.card(s, {"reconstruct": ["E", "R"], "edit": [*frozen(s), "R"]})
    return replace(made, provenance={**made.provenance, "joins": s.zoo})


recipe = Recipe(
    name="upgrade_portraits",
    settings=Settings(),
    smoke={
        "pictures": 32,
        "batch": 4,
        "steps": 6,
        "judge_steps": 4,
        "followed": 8,
        "tested": 8,
        "workers": 0,
    },
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    plan=plan,
    sheet=sampling(modular),
    score=scoring(modular),
    frozen=frozen,
)

if __name__ == "__main__":
    main(recipe)

"""What torchrun starts in test_distributed.py: trains the tiny system, leaves what it reached.

    torchrun --standalone --nproc-per-node 2 tests/distributed_run.py OUT STEPS [resume] [stop]

Parts and steps are those of a ModularGAN in small: two optimizers, two T's of which a process may
use one, both or none in a step, and a penalty on D's gradient.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    LabelDiscriminator,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.losses import l1, logistic_d, logistic_g, r1
from modgan.spec import image
from modgan.train import Batch, Bookkeeping, Phase, Recipe, Share, run

NAMES = ("hair", "smile")
Parts = Mapping[str, Component]


@dataclass(frozen=True)
class Settings:
    """Every knob once."""

    joined: int = 1  # shares that one batch joins
    steps: int = 20
    decay: float = 0.5
    ema: float = 0.9
    seed: int = 3


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    E = PatchEncoder(image(8), 8, 1, space="tiny@training")
    feature = E.outputs["feature"]
    T = {f"T_{name}": ResidualTransformer(feature, name, ["no", "yes"], 1, 8) for name in NAMES}
    D = LabelDiscriminator(image(8), {name: ["no", "yes"] for name in NAMES}, 4, 3)
    return {"E": E, **T, "R": PatchReconstructor(feature, image(8)), "D": D}


def used(at: Share) -> list[str]:
    """The T's of a share: both, one or none, so that in most steps a process lacks one."""
    choices = [["hair"], ["smile"], ["hair", "smile"], []]
    return choices[(at.step + at.slot * (1 + at.step // 4)) % 4]


def share(s: Settings, at: Share) -> Batch:
    """Two pictures of a share, and for each T whether it acts on them."""
    rng = at.own(s.seed)
    pictures = torch.rand(2, 3, 8, 8, generator=rng) * 2 - 1
    acts = torch.tensor([[name in used(at) for name in NAMES]] * 2)
    return {"image": pictures, "acts": acts, "target": torch.randint(2, (2, 2), generator=rng)}


def batch(s: Settings, at: Share) -> Batch:
    """One share, or `joined` of them as one batch."""
    each = [
        share(s, Share(at.step, at.slot * s.joined + k, at.of * s.joined, at.order))
        for k in range(s.joined)
    ]
    return {name: torch.cat([one[name] for one in each]) for name in each[0]}


def edited(parts: Parts, batch: Batch) -> tuple[Tensor, Tensor]:
    """The features of the pictures, and those after the T's that act on each."""
    feature = changed = parts["E"](batch["image"])
    for at, name in enumerate(NAMES):
        acts = batch["acts"][:, at]
        if acts.any():  # a T that acts on nothing is not called, and gets no gradient here
            code = F.one_hot(batch["target"][:, at], 2).float()
            new, _ = parts[f"T_{name}"](changed, code)
            changed = torch.where(acts[:, None, None, None], new, changed)
    return feature, changed


def g_loss(parts: Parts, batch: Batch) -> dict[str, Tensor]:
    """Fool D, close the image cycle."""
    feature, changed = edited(parts, batch)
    fake = parts["R"](changed)
    batch["fake"] = fake.detach()
    scores = parts["D"](fake)[2]
    return {"label": logistic_g(scores), "image": l1(parts["R"](feature), batch["image"])}


def d_loss(parts: Parts, batch: Batch) -> dict[str, Tensor]:
    """Tell edits from pictures, with a penalty on the gradient."""

    def critic(pictures: Tensor) -> Tensor:
        return parts["D"](pictures)[2]

    return {
        "label": logistic_d(critic(batch["image"]), critic(batch["fake"])),
        "r1": r1(critic, batch["image"]),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    return [
        Phase("G", ("E", "T_*", "R"), g_loss, {"label": 1.0, "image": 5.0}, 1e-3),
        Phase("D", ("D",), d_loss, {"label": 1.0, "r1": 0.5}, 1e-3),
    ]


recipe = Recipe(
    name="tiny",
    settings=Settings(),
    parts=parts,
    batch=batch,
    phases=phases,
    card=lambda s: Card(
        "Apache-2.0", {"data": "noise"}, graphs={"edit": ["E", "T_hair", "T_smile", "R"]}
    ),
)
EACH = Bookkeeping(save_every=1, last=99, log_every=1)


if __name__ == "__main__":
    out, steps, *words = sys.argv[1:]
    torch.set_num_threads(1)
    run(
        recipe,
        Settings(steps=int(steps)),
        Path(out),
        resume="resume" in words,
        book=replace(EACH, minutes=0.0 if "stop" in words else float("inf")),
    )

"""A classifier of coloured digits: number, colour, stroke and background.

modgan train recipes/digits_judge.py --data DIR        # MNIST's IDX files; minutes on two cores
modgan train recipes/digits_judge.py --smoke           # typeset digits, seconds
"""

from __future__ import annotations

from dataclasses import dataclass

from digits_data import Data, card, pictures
from judge import judge

from modgan.train import main


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    channels: int = 24  # width of the first convolution
    pictures: int = 20_000
    data_seed: int = 7
    batch: int = 64  # pictures a step
    shift: int = 5  # pixels that a picture is moved at most
    noise: float = 0.1  # largest standard deviation of the noise, in -1..1
    lr: float = 2e-3
    steps: int = 3_000
    decay: float = 1.0  # share of the steps, the last, in which the rate falls to 0
    ema: float = 0.98


recipe = judge("digits_judge", Settings(), pictures, card)

if __name__ == "__main__":
    main(recipe)

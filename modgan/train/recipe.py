"""What a recipe is, and how its run is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from modgan.card import Card
from modgan.component import Component
from modgan.train.loop import Batch, Phase, Share

Parts = Mapping[str, Component]
# Figures of the parts as rows of a card {name, value, split, n}; lower is better. The second
# argument is True at the end of a run, when all of the test pictures count.
Score = Callable[[Parts, bool], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one system is trained, as plain functions of its settings.

    Settings have at least `seed`, `steps` (optimizer steps) and `decay` (the share of the steps,
    the last, in which the learning rates fall to zero), `ema` (its decay per step).
    """

    name: str
    settings: Any
    parts: Callable[[Any], dict[str, Component]]
    batch: Callable[[Any, Share], Batch]  # a pure function: training resumes by it
    phases: Callable[[Any], list[Phase]]
    card: Callable[[Any], Card]  # licence of the weights, {"data": what they learned from}, graphs
    sheet: Callable[[Any, Parts], Image.Image] | None = None
    plan: Callable[[Any], str] | None = None  # checks the data; what will be trained on what
    # (settings, a folder for what it needs, device) -> the figures that a run follows
    score: Callable[[Any, Path, str], Score] | None = None
    # parts that come from a zoo: no phase trains them, and they stay out of the new file
    frozen: Callable[[Any], list[str]] | None = None
    # tensors that losses keep from step to step: they find them in batch["notes"], and they are
    # saved with the state; under torchrun every process has its own, and the first's are saved
    notes: Callable[[Any], dict[str, torch.Tensor]] | None = None
    # of the parts in memory; gated stages are twice as fast in torch.contiguous_format on CPUs
    layout: torch.memory_format = torch.channels_last
    smoke: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Recipe] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Engine:
    """On what a run is carried out; under torchrun, every process takes its share of a step."""

    device: str = "cpu"  # cpu, cuda or mps
    precision: str = "fp32"  # of the parts' forward: fp32, bf16 or fp16; weights stay fp32
    accumulate: int = 1  # shares of a step that a process takes one after the other
    ahead: int = 2  # steps whose batch is drawn ahead by a thread
    on_nan: str = "stop"  # at a loss that is not finite: stop, or rollback to the last state
    rollbacks: int = 3  # how often at most


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """How often a run writes what, and how long it may take."""

    log_every: int = 50  # steps between rows of log.jsonl
    sheet_every: int = 1000  # steps between sheets of samples
    save_every: int = 500  # steps between states to resume from
    score_every: int = 1000  # steps between figures
    last: int = 2  # states kept, the latest; the best is kept beside them
    best: str = ""  # the figure, lower is better, that says which is best; empty: the first
    minutes: float = float("inf")  # stop, resumable, after so long
    tensorboard: bool = False  # also write curves for TensorBoard

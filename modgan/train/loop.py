"""The training loop: a generator over phases that touches no disk and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

Batch = dict[str, Any]  # tensors and plain data of one step, a function of (settings, step)
Loss = Callable[[Mapping[str, nn.Module], Batch], dict[str, Tensor]]


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One optimizer and what it minimises.

    `trains` names parts by patterns ("T_*"); `loss` returns unweighted named terms, each of which
    has its weight in `weights`; the phase acts every `every` steps.
    """

    name: str
    trains: tuple[str, ...]
    loss: Loss
    weights: Mapping[str, float]
    lr: float
    betas: tuple[float, float] = (0.5, 0.999)
    every: int = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did: the unweighted terms of every phase that acted, by phase name."""

    step: int
    terms: dict[str, dict[str, float]]


class Trainer:
    """Parts, phases and their optimizers; `steps` trains one batch at a time.

    `rate(step)` scales every learning rate; it is a function of the step alone, so that a resumed
    run follows the same schedule.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        phases: Sequence[Phase],
        rate: Callable[[int], float] = lambda step: 1.0,
    ) -> None:
        self.parts, self.phases, self.rate, self.step = parts, tuple(phases), rate, 0
        self.trained = {phase.name: _matching(phase, parts) for phase in phases}
        idle = set(parts).difference(*self.trained.values())
        if idle:
            raise TrainingError(f"no phase trains {', '.join(sorted(idle))}: name it in a phase")
        self.optimizers = {phase.name: self._optimizer(phase) for phase in phases}

    def _optimizer(self, phase: Phase) -> torch.optim.Adam:
        parameters = [p for name in self.trained[phase.name] for p in self.parts[name].parameters()]
        return torch.optim.Adam(parameters, lr=phase.lr, betas=phase.betas, fused=True)

    def steps(self, batches: Iterable[Batch]) -> Iterator[Progress]:
        """Train on every batch: all phases that are due, in order, on the same batch."""
        for batch in batches:
            self.step += 1
            due = [phase for phase in self.phases if self.step % phase.every == 0]
            yield Progress(self.step, {phase.name: self._act(phase, batch) for phase in due})

    def _act(self, phase: Phase, batch: Batch) -> dict[str, float]:
        """One optimizer step of a phase; other parts are frozen and stay bit-identical."""
        for name, part in self.parts.items():
            part.requires_grad_(name in self.trained[phase.name])
        terms = phase.loss(self.parts, batch)
        total = _weighted(phase, terms)
        values = {name: term.item() for name, term in terms.items()}
        optimizer = self.optimizers[phase.name]
        for group in optimizer.param_groups:
            group["lr"] = phase.lr * self.rate(self.step)
        optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"]]
        norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
        for what, value in (("loss", total), ("gradient", norm)):
            if not torch.isfinite(value):
                raise TrainingError(
                    f"phase {phase.name}, step {self.step}: the {what} is not finite: {values}\n"
                    "  lower its learning rate or the weight of the term that grew"
                )
        optimizer.step()
        return values

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the same bits."""
        return {
            "step": self.step,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "optimizers": {name: opt.state_dict() for name, opt in self.optimizers.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.step = state["step"]
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])


def _matching(phase: Phase, parts: Mapping[str, nn.Module]) -> list[str]:
    """The parts that a phase trains; a pattern that fits none is an error."""
    for pattern in phase.trains:
        if not any(fnmatchcase(name, pattern) for name in parts):
            raise TrainingError(
                f"phase {phase.name} trains {pattern!r}, which fits none of {', '.join(parts)}"
            )
    return [name for name in parts if any(fnmatchcase(name, p) for p in phase.trains)]


def _weighted(phase: Phase, terms: Mapping[str, Tensor]) -> Tensor:
    """The weighted sum of the terms; terms and weights must have the same names."""
    wrong = sorted(set(terms) ^ set(phase.weights))
    if wrong:
        raise TrainingError(
            f"phase {phase.name}: {', '.join(wrong)} is either a term without a weight or a "
            f"weight without a term; terms: {', '.join(terms)}; weights: {', '.join(phase.weights)}"
        )
    return torch.stack([phase.weights[name] * term for name, term in terms.items()]).sum()

"""The training loop: a generator over phases that touches no disk and prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn

from modgan.data.images import AttributeImages, batch
from modgan.data.order import draw, seed_of
from modgan.train.ranks import average_gradients, average_terms

Batch = dict[str, Any]  # tensors and plain data, a function of (settings, share)
Loss = Callable[[Mapping[str, nn.Module], Batch], dict[str, Tensor]]
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says where and what to do."""


class NotFinite(TrainingError):
    """A loss, a gradient or a parameter became infinite or not a number."""


@dataclass(frozen=True, slots=True)
class Share:
    """Share `slot` of the `of` equal ones that make up the batch of a step, counted from 0.

    A process takes one share, or several whose gradients accumulate. `order` grows when a run
    goes back and takes the data in another order. All that is random is a function of these.
    """

    step: int
    slot: int = 0
    of: int = 1
    order: int = 0

    def joint(self, seed: int) -> torch.Generator:
        """Choices that all shares of a step make alike, such as which T's take part."""
        return torch.Generator().manual_seed(seed_of(seed, self.order, self.step))

    def own(self, seed: int) -> torch.Generator:
        """Choices of this share."""
        return torch.Generator().manual_seed(seed_of(seed, self.order, self.step, self.slot))

    def position(self, count: int) -> int:
        """Where the `count` samples of this share begin in an endless sequence of samples."""
        return (self.step * self.of + self.slot) * count

    def draw(self, data: AttributeImages, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """`count` pictures of `data` (B, 3, H, W) in -1..1, and their labels (B, A)."""
        chosen = draw(data, self.position(count), count, seed_of(seed, self.order))
        pictures, labels = batch(data, chosen)
        return pictures.contiguous(memory_format=torch.channels_last), labels


@dataclass(frozen=True, slots=True)
class Phase:
    """One optimizer and what it minimises.

    `trains` names parts by patterns ("T_*"), or pieces of them ("D.head"); `loss` returns
    unweighted named terms, each of which has its weight in `weights`; the phase acts in every
    `every`-th step after `start`, up to and with `stop`.
    """

    name: str
    trains: tuple[str, ...]
    loss: Loss
    weights: Mapping[str, float]
    lr: float
    betas: tuple[float, float] = (0.5, 0.999)
    every: int = 1
    start: int = 0
    stop: int | None = None

    def due(self, step: int) -> bool:
        """Whether the phase acts in `step`, counted from 1."""
        before_end = self.stop is None or step <= self.stop
        return self.start < step and before_end and step % self.every == 0


@dataclass(frozen=True, slots=True)
class Progress:
    """What one step did: the unweighted terms of every phase that acted, by phase name."""

    step: int
    terms: dict[str, dict[str, float]]


class Trainer:
    """Parts, phases and their optimizers.

    `rate(step)` scales every learning rate; it is a function of the step alone, so that a resumed
    run follows the same schedule. `slot` is the first of the shares that this process takes.
    torch's generators are seeded before every loss, so a step needs nothing of those before it
    but its state. `precision` is that of the parts' forward; weights stay in float32. No phase
    trains the parts named in `frozen`. Losses find `notes` in every batch and may write in them.
    """

    def __init__(
        self,
        parts: Mapping[str, nn.Module],
        phases: Sequence[Phase],
        rate: Callable[[int], float] = lambda step: 1.0,
        *,
        seed: int = 0,
        slot: int = 0,
        precision: str = "fp32",
        frozen: Collection[str] = (),
        notes: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.parts, self.phases, self.rate = parts, tuple(phases), rate
        self.seed, self.slot, self.precision = seed, slot, precision
        self.step = self.order = 0
        self.pieces = {phase.name: _matching(phase, parts) for phase in phases}
        self.trained = {
            name: list(dict.fromkeys(piece.partition(".")[0] for piece in pieces))
            for name, pieces in self.pieces.items()
        }
        idle = set(parts).difference(frozen, *self.trained.values())
        if idle:
            raise TrainingError(f"no phase trains {', '.join(sorted(idle))}: name it in a phase")
        self.optimizers = {phase.name: self._optimizer(phase) for phase in phases}
        self.device = next(p for part in parts.values() for p in part.parameters()).device.type
        self.notes = {name: note.to(self.device) for name, note in (notes or {}).items()}
        self.scalers = {
            phase.name: torch.amp.GradScaler(self.device, enabled=precision == "fp16")
            for phase in phases
        }

    def _optimizer(self, phase: Phase) -> torch.optim.Adam:
        parameters = [p for piece in self.pieces[phase.name].values() for p in piece.parameters()]
        return torch.optim.Adam(parameters, lr=phase.lr, betas=phase.betas, fused=True)

    def steps(self, batches: Iterable[Sequence[Batch]]) -> Iterator[Progress]:
        """Take one step for each item, the shares of its batch that this process takes.

        All phases that are due act in order, on the same shares.
        """
        for shares in batches:
            self.step += 1
            for share in shares:
                share.update({"notes": self.notes} if self.notes else {})
            due = [at for at, phase in enumerate(self.phases) if phase.due(self.step)]
            yield Progress(self.step, {self.phases[at].name: self._act(at, shares) for at in due})

    def _act(self, at: int, shares: Sequence[Batch]) -> dict[str, float]:
        """One optimizer step of a phase; all else is frozen and stays bit-identical."""
        phase = self.phases[at]
        optimizer, scaler = self.optimizers[phase.name], self.scalers[phase.name]
        for part in self.parts.values():
            part.requires_grad_(False)
        for piece in self.pieces[phase.name].values():
            piece.requires_grad_(True)
        for group in optimizer.param_groups:
            group["lr"] = phase.lr * self.rate(self.step)
        optimizer.zero_grad()
        each = [self._backward(at, slot, batch, len(shares)) for slot, batch in enumerate(shares)]
        mean = {name: torch.stack([terms[name] for terms in each]).mean() for name in each[0]}
        values = average_terms(mean)
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        average_gradients(parameters)
        scaler.unscale_(optimizer)
        self._check(phase, values, parameters)
        scaler.step(optimizer)
        scaler.update()
        return values

    def _backward(self, at: int, slot: int, batch: Batch, count: int) -> dict[str, Tensor]:
        """Add the gradients of one of `count` shares; return its terms."""
        phase = self.phases[at]
        torch.manual_seed(seed_of(self.seed, self.order, self.step, self.slot + slot, at))
        dtype = PRECISIONS[self.precision]
        with torch.autocast(self.device, dtype, enabled=dtype != torch.float32):
            terms = phase.loss(self.parts, batch)
        total = _weighted(phase, terms) / count
        self.scalers[phase.name].scale(total).backward()  # type: ignore[no-untyped-call]
        return {name: term.detach() for name, term in terms.items()}

    def _check(
        self, phase: Phase, values: Mapping[str, float], parameters: Sequence[nn.Parameter]
    ) -> None:
        """Stop before a step that would spoil the parts."""
        total = torch.tensor([phase.weights[name] * value for name, value in values.items()]).sum()
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        found = {"loss": total, "gradient": norm}
        scaler = self.scalers[phase.name]
        if scaler.is_enabled() and scaler.get_scale() >= 1:
            found.pop("gradient")  # too large for 16 bits at this scale: the scaler lowers it
        for what, value in found.items():
            if not torch.isfinite(value):
                raise NotFinite(
                    f"phase {phase.name}, step {self.step}: the {what} is not finite: "
                    f"{dict(values)}\n"
                    "  lower its learning rate or the weight of the term that grew"
                )

    def state_dict(self) -> dict[str, Any]:
        """Everything a resumed run needs to go on to the same bits."""
        return {
            "step": self.step,
            "order": self.order,
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "optimizers": {name: opt.state_dict() for name, opt in self.optimizers.items()},
            "scalers": {name: scaler.state_dict() for name, scaler in self.scalers.items()},
            "notes": self.notes,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.step, self.order = state["step"], state["order"]
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
            self.scalers[name].load_state_dict(state["scalers"][name])
        for name, note in self.notes.items():
            note.copy_(state["notes"][name])


def _matching(phase: Phase, parts: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """What a phase trains by name, parts or their pieces; a pattern that fits none is an error."""
    found: dict[str, nn.Module] = {}
    for name, part in parts.items():
        for pattern in phase.trains:
            of_part, dot, piece = pattern.partition(".")
            if fnmatchcase(name, of_part) and piece in dict(part.named_modules()):
                found[name + dot + piece] = part.get_submodule(piece)
    for pattern in phase.trains:
        if not any(fnmatchcase(name, pattern) for name in found):
            raise TrainingError(
                f"phase {phase.name} trains {pattern!r}, which fits none of {', '.join(parts)}"
            )
    return found


def _weighted(phase: Phase, terms: Mapping[str, Tensor]) -> Tensor:
    """The weighted sum of the terms; terms and weights must have the same names."""
    wrong = sorted(set(terms) ^ set(phase.weights))
    if wrong:
        raise TrainingError(
            f"phase {phase.name}: {', '.join(wrong)} is either a term without a weight or a "
            f"weight without a term; terms: {', '.join(terms)}; weights: {', '.join(phase.weights)}"
        )
    return torch.stack([phase.weights[name] * term.float() for name, term in terms.items()]).sum()

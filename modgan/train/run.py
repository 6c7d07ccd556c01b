"""Runs: the loop around `Trainer.steps`, and what a run leaves on disk."""

from __future__ import annotations

import json
import platform
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from modgan.component import Component
from modgan.files import discard_unfinished, replacing
from modgan.graph import Graph
from modgan.train import checkpoint
from modgan.train.ema import averaged, parts_of
from modgan.train.log import Log, means
from modgan.train.loop import (
    PRECISIONS,
    Batch,
    NotFinite,
    Progress,
    Share,
    Trainer,
    TrainingError,
)
from modgan.train.ranks import any_of, connected, from_first, processes, rank
from modgan.train.recipe import Bookkeeping, Engine, Recipe
from modgan.train.report import report
from modgan.zoo import Zoo, sealed

TIMED = 20  # steps over which a run measures how long one takes


def run(
    recipe: Recipe,
    settings: Any,
    out: Path,
    *,
    resume: bool = False,
    engine: Engine = Engine(),
    book: Bookkeeping = Bookkeeping(),
) -> Path:
    """Train `recipe` into the folder `out`; return the zoo of the averaged parts there.

    With `resume` a run goes on from its last state, or begins where there is none. Processes
    started by torchrun train together; the first of them writes.
    """
    _check(engine, book)
    with connected(engine.device) as device:
        torch.manual_seed(settings.seed)
        training = _Run(recipe, settings, out, replace(engine, device=device), book)
        last = training.found(resume)
        training.build()
        training.begin(last)
        with _told_to_stop() as told:
            training.train(told)
        return training.finish()


class _Run:
    """One run: what it trains, where it writes, and how far it is."""

    def __init__(
        self, recipe: Recipe, settings: Any, out: Path, engine: Engine, book: Bookkeeping
    ) -> None:
        self.recipe, self.settings, self.out, self.book = recipe, settings, out, book
        self.engine, self.writes = engine, rank() == 0
        self.states, self.slots = out / "checkpoints", processes() * engine.accumulate
        self.best, self.recent = float("inf"), list[Progress]()

    def found(self, resume: bool) -> Path | None:
        """The last state in the folder, if it is to be gone on from with the same settings."""
        last = from_first(checkpoint.latest(self.states))
        if last and not resume:
            raise TrainingError(f"{self.out} holds a run: pass --resume to go on, or another --out")
        if last and self.writes:
            self._compare_settings()
        return last

    def build(self) -> None:
        """Make the parts, compose what the recipe promises, and prepare to train."""
        recipe, settings, engine = self.recipe, self.settings, self.engine
        made, where = recipe.parts(settings), (engine.device, recipe.layout)
        parts = {name: _placed(part, *where) for name, part in made.items()}
        graphs = [Graph(steps, parts) for steps in recipe.card(settings).graphs.values()]
        used = {step.part for graph in graphs for step in graph.steps}
        exported = {name: part for name, part in parts.items() if name in used}
        self.frozen = recipe.frozen(settings) if recipe.frozen else []
        self.trainer = Trainer(
            parts,
            recipe.phases(settings),
            lambda step: rate(settings, step),
            seed=settings.seed,
            slot=rank() * engine.accumulate,
            precision=engine.precision,
            frozen=self.frozen,
            notes=recipe.notes(settings) if recipe.notes else None,
        )
        self.live, self.ema = nn.ModuleDict(exported), averaged(exported, settings.ema)

    def begin(self, last: Path | None) -> None:
        """Tell the plan, prepare the figures, and restore the last state or save a first."""
        if self.writes:
            plan = self._plan()
            print(plan, file=sys.stderr, flush=True)
            _write(self.out / "plan.md", plan)
        score = self.recipe.score
        self.score = score and score(self.settings, self.out, self.engine.device)
        if self.writes:
            discard_unfinished(self.out)
            _write(self.out / "settings.json", json.dumps(self._facts(), indent=1) + "\n")
        if last:
            self._restore(last)
        self.log = Log(self.out, self.trainer.step, self.book.tensorboard) if self.writes else None
        if not last:
            self._save()

    def train(self, told: Callable[[], bool]) -> None:
        """Take the steps that are left; go back where a loss is not finite, if that is wanted."""
        self.started, first = time.monotonic(), self.trainer.step
        while True:
            try:
                return self._steps(told, first)
            except NotFinite as error:
                self._go_back(error)
            except OSError as error:
                last = checkpoint.latest(self.states)
                raise TrainingError(
                    f"stopped at step {self.trainer.step}, a file could not be written: {error}\n"
                    f"  {last} is whole: make room, then go on with --resume"
                ) from error

    def _steps(self, told: Callable[[], bool], first: int) -> None:
        steps, book = self.settings.steps, self.book
        drawn = _ahead(self._shares, range(self.trainer.step, steps), self.engine.ahead)
        for progress in _bar(self.trainer.steps(drawn), self.trainer.step, steps, self.writes):
            self.ema.update_parameters(self.live)
            self.recent.append(progress)
            step, told_now = progress.step, any_of(told())
            stop = told_now or any_of(self._seconds() > 60 * book.minutes)
            end = stop or step == steps
            self._tell_time(step, max(first, *(phase.start for phase in self.trainer.phases)) + 1)
            if self.log and (end or step % book.log_every == 0):
                self.log.write(step, self._seconds(), means(self.recent))
                self.recent = []
            if self.writes and (end or step % book.sheet_every == 0):
                self._picture()
            if step % book.score_every == 0 and step < steps:
                self._follow()
            if end or step % book.save_every == 0:
                self._save()
            if stop and step < steps:
                message = f"stopped after step {step} of {steps}: go on with --resume"
                if told_now:
                    raise TrainingError(f"told to end: {message}")
                self._tell(message)
                return

    def finish(self) -> Path:
        """Write the zoo with its figures, and the report."""
        done = self.trainer.step == self.settings.steps
        path = self.out / f"{self.recipe.name}.safetensors"
        if self.writes:
            rows = self.score(parts_of(self.ema), True) if self.score and done else []
            self._export(path, rows)
            _write(self.out / "report.html", report(self.out))
        any_of(done)  # the others wait for the first, who writes
        return path

    def _shares(self, step: int) -> list[Batch]:
        """The shares of a step's batch that this process takes."""
        order, first = self.trainer.order, self.trainer.slot
        shares = [
            Share(step, first + at, self.slots, order) for at in range(self.engine.accumulate)
        ]
        return [_moved(self.recipe.batch(self.settings, at), self.engine.device) for at in shares]

    def _follow(self) -> None:
        """Log the figures of the averaged parts, and keep the best state and zoo."""
        if not (self.score and self.log):
            return
        rows = self.score(parts_of(self.ema), False)
        values = {row["name"]: row["value"] for row in rows}
        name = self.book.best or rows[0]["name"]
        if name not in values:
            raise TrainingError(f"--best {name}: the figures are {', '.join(values)}")
        figures = {f"metric/{key}": value for key, value in values.items()}
        self.log.write(self.trainer.step, self._seconds(), figures)
        if values[name] < self.best:
            self.best = values[name]
            checkpoint.write(self.states / checkpoint.BEST, self._state())
            self._export(self.out / f"{self.recipe.name}-best.safetensors", rows)

    def _picture(self) -> None:
        if self.recipe.sheet:
            with replacing(self.out / f"samples/{self.trainer.step:06d}.png") as temporary:
                self.recipe.sheet(self.settings, parts_of(self.ema)).save(temporary)

    def _save(self) -> None:
        """Write all that a resumed run needs, and the zoo as it is."""
        bad = [name for name, t in self.live.state_dict().items() if not t.isfinite().all()]
        if bad:
            raise NotFinite(f"step {self.trainer.step}: {bad[0]} is not finite, and not saved")
        if self.writes:
            checkpoint.save(self.states, self.trainer.step, self._state(), self.book.last)
            self._export(self.out / f"{self.recipe.name}.safetensors", [])

    def _state(self) -> dict[str, Any]:
        return {
            "trainer": self.trainer.state_dict(),
            "ema": self.ema.state_dict(),
            "best": self.best,
            "recent": [(progress.step, progress.terms) for progress in self.recent],
        }

    def _plan(self) -> str:
        """What the recipe says of its data, and the parts with their sizes and phases."""
        lines = ["| part | component | parameters | trained in |", "|---|---|--:|---|"]
        for name, part in self.trainer.parts.items():
            size = sum(p.numel() for p in part.parameters())
            acts = [phase for phase, trained in self.trainer.trained.items() if name in trained]
            kind = getattr(part, "component", "")
            lines.append(f"| {name} | {kind} | {size:,} | {', '.join(acts)} |")
        table = "\n".join(lines) + "\n"
        return f"{self.recipe.plan(self.settings)}\n{table}" if self.recipe.plan else table

    def _restore(self, path: Path) -> None:
        """Take the state of the first process, so that only its disk matters."""
        state = from_first(checkpoint.load(path) if self.writes else None)
        if set(state) != set(self._state()):
            raise TrainingError(
                f"{path}: is a state of another version of modgan; resume with that version, or "
                "begin again in another folder"
            )
        self.trainer.load_state_dict(state["trainer"])
        self.ema.load_state_dict(state["ema"])
        self.best = state["best"]
        self.recent = [Progress(step, terms) for step, terms in state["recent"]]

    def _go_back(self, error: NotFinite) -> None:
        """Return to the last state and take the data in another order from there."""
        order = self.trainer.order + 1
        if self.engine.on_nan != "rollback" or order > self.engine.rollbacks:
            last = checkpoint.latest(self.states)
            raise NotFinite(
                f"{error}\n  {last} is from before: go on with --resume --on-nan rollback, "
                "or begin again with other settings"
            ) from error
        last = from_first(checkpoint.latest(self.states))
        self._restore(last)
        self.trainer.order = order
        self._tell(f"{error}\n  back to step {self.trainer.step}, data order {order}")
        if self.log:
            self.log = Log(self.out, self.trainer.step, self.book.tensorboard)

    def _compare_settings(self) -> None:
        """Settings must be those of the run, save for `steps`."""
        before = json.loads((self.out / "settings.json").read_text())
        now = json.loads(json.dumps(self._facts()))
        changed = [
            f"{name}: was {before.get(name)}, now {now.get(name)}"
            for name in sorted({*before, *now} - {"steps"})
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise TrainingError(
                f"{self.out} was trained with other settings:\n  "
                + "\n  ".join(changed)
                + "\n  resume with the same ones, or start a new run in another folder"
            )

    def _facts(self) -> dict[str, Any]:
        """What must not change when a run is resumed."""
        return {**asdict(self.settings), "shares": self.slots, "precision": self.engine.precision}

    def _export(self, path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
        """Seal the averaged parts and write the zoo with its card; frozen ones stay out."""
        parts = {k: part for k, part in parts_of(self.ema).items() if k not in self.frozen}
        card = self.recipe.card(self.settings)
        provenance = {
            "recipe": f"recipes/{self.recipe.name}.py",
            "settings": self._facts(),
            "step": self.trainer.step,
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
        }
        command = f"modgan train recipes/{self.recipe.name}.py"
        metrics = [{**row, "command": command} for row in rows]
        card = replace(card, provenance=card.provenance | provenance, metrics=metrics)
        Zoo(sealed(parts), card.only(parts).without_folders()).save(path)

    def _seconds(self) -> float:
        return time.monotonic() - self.started

    def _tell_time(self, step: int, first: int) -> None:
        """Say how long a step takes, once TIMED of them were taken after `first`."""
        if step == first:
            self.timed = self._seconds()
        if step == first + TIMED:
            each = (self._seconds() - self.timed) / TIMED
            left = each * (self.settings.steps - step) / 60
            self._tell(f"{each:.2f} s a step, about {left:.0f} minutes for the steps that are left")

    def _tell(self, line: str) -> None:
        if self.writes:
            tqdm.write(line, file=sys.stderr)


def rate(settings: Any, step: int) -> float:
    """The factor on every learning rate: 1, then a straight line to 0 over the last share."""
    falling = settings.decay * settings.steps
    return min(1.0, (settings.steps - step + 1) / falling) if falling else 1.0


def _check(engine: Engine, book: Bookkeeping) -> None:
    """Refuse what cannot be meant, before anything is made."""
    words = (("precision", engine.precision, PRECISIONS), ("on_nan", engine.on_nan, NAN))
    for name, given, known in words:
        if given not in known:
            flag = "--" + name.replace("_", "-")
            raise TrainingError(f"{flag} {given}: expects one of {', '.join(known)}")
    numbers = asdict(engine) | asdict(book)
    for name in ("accumulate", "log_every", "sheet_every", "save_every", "score_every", "last"):
        if numbers[name] < 1:
            flag = "--" + name.replace("_", "-")
            raise TrainingError(f"{flag} {numbers[name]}: expects a whole number from 1 on")
    if engine.device not in ("cpu", "mps") and not engine.device.startswith("cuda"):
        raise TrainingError(f"--device {engine.device}: expects cpu, cuda or mps")


NAN = ("stop", "rollback")


def _placed(part: Component, device: str, layout: torch.memory_format) -> Component:
    """On its device, in the memory layout of its recipe; values do not depend on it."""
    anything: Any = part  # torch's stubs do not know memory_format here
    return anything.to(device=device, memory_format=layout)


def _moved(batch: Batch, device: str) -> Batch:
    """A batch with its tensors on the device."""
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch.items()}


def _ahead(
    draw: Callable[[int], list[Batch]], steps: Sequence[int], count: int
) -> Iterator[list[Batch]]:
    """draw(step) for all steps in order, `count` of them ahead in a thread."""
    if count == 0:
        yield from map(draw, steps)
        return
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(draw, step) for step in steps[:count])
        for step in range(len(steps)):
            if step + count < len(steps):
                waiting.append(pool.submit(draw, steps[step + count]))
            yield waiting.popleft().result()


def _bar(steps: Iterator[Progress], done: int, total: int, shown: bool) -> Iterator[Progress]:
    """`steps` under a progress bar; where there is no terminal, a line every half minute."""
    seconds = 0.5 if sys.stderr.isatty() else 30.0
    bar = tqdm(
        steps, initial=done, total=total, unit="step", mininterval=seconds, disable=not shown
    )
    with bar:
        for progress in bar:
            terms = {f"{p}/{k}": v for p, ts in progress.terms.items() for k, v in ts.items()}
            bar.set_postfix_str(" ".join(f"{k} {v:.3g}" for k, v in terms.items()), refresh=False)
            yield progress


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether the system asked this process to end (SIGTERM): it then stops after a step."""
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # signals are not for others
        yield lambda: False
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    try:
        yield lambda: bool(told)
    finally:
        signal.signal(signal.SIGTERM, before)


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)

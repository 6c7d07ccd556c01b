"""Runs: a recipe's settings, the loop around `Trainer.steps`, and what a run leaves on disk."""

from __future__ import annotations

import argparse
import inspect
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from modgan.card import Card
from modgan.component import Component
from modgan.files import replacing
from modgan.graph import Graph
from modgan.train.ema import averaged, parts_of
from modgan.train.loop import Batch, Phase, Progress, Trainer, TrainingError
from modgan.train.plot import plot
from modgan.zoo import Zoo, sealed


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one system is trained, as plain functions of its settings.

    Settings have at least `seed`, `steps` (optimizer steps) and `decay` (the share of the steps,
    the last, in which the learning rates fall to zero), `ema` (its decay per step).
    """

    name: str
    settings: Any
    parts: Callable[[Any], dict[str, Component]]
    batches: Callable[[Any, int], Iterator[Batch]]  # (settings, first step) -> endless
    phases: Callable[[Any], list[Phase]]
    card: Callable[[Any], Card]  # licence of the weights, {"data": what they learned from}, graphs
    sheet: Callable[[Any, Mapping[str, Component]], Image.Image] | None = None
    smoke: Mapping[str, Any] = field(default_factory=dict)
    variants: Mapping[str, Recipe] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """How often a run writes what, and how long it may take."""

    log_every: int = 50  # steps between rows of log.jsonl
    sheet_every: int = 1000  # steps between sheets of samples
    save_every: int = 500  # steps between states to resume from
    minutes: float = float("inf")  # stop, resumable, after so long


def run(
    recipe: Recipe,
    settings: Any,
    out: Path,
    *,
    resume: bool = False,
    device: str = "cpu",
    book: Bookkeeping = Bookkeeping(),
) -> Path:
    """Train `recipe` into the folder `out`; return the zoo of the averaged parts there."""
    torch.manual_seed(settings.seed)
    parts = {name: _placed(part, device) for name, part in recipe.parts(settings).items()}
    graphs = [Graph(steps, parts) for steps in recipe.card(settings).graphs.values()]
    used = {step.part for graph in graphs for step in graph.steps}
    trainer = Trainer(parts, recipe.phases(settings), lambda step: rate(settings, step))
    exported = {name: part for name, part in parts.items() if name in used}
    live, ema = torch.nn.ModuleDict(exported), averaged(exported, settings.ema)
    state = out / "state.pt"
    if resume:
        _restore(state, out, settings, trainer, ema)
    elif state.exists():
        raise TrainingError(f"{out} holds a run: pass --resume to go on, or another --out")
    _write_json(out / "settings.json", asdict(settings))
    batches = _moved(recipe.batches(settings, trainer.step), device)
    due = islice(batches, settings.steps - trainer.step)
    started, recent = time.monotonic(), []
    for progress in _bar(trainer.steps(due), trainer.step, settings.steps):
        ema.update_parameters(live)
        recent.append(progress)
        last = progress.step == settings.steps
        late = time.monotonic() - started > 60 * book.minutes
        if last or late or progress.step % book.log_every == 0:
            recent = _log(out, recent, time.monotonic() - started)
        if recipe.sheet and (last or progress.step % book.sheet_every == 0):
            _picture(
                out / f"samples/{progress.step:06d}.png", recipe.sheet(settings, parts_of(ema))
            )
        if last or late or progress.step % book.save_every == 0:
            _save(state, trainer, ema)
            _export(recipe, settings, out, trainer.step, parts_of(ema))
        if late and not last:
            print(f"{book.minutes} minutes are over at step {progress.step}: go on with --resume")
            break
    return _export(recipe, settings, out, trainer.step, parts_of(ema))


def _placed(part: Component, device: str) -> Component:
    """On its device, in the memory layout that convolutions like; values do not depend on it."""
    anything: Any = part  # torch's stubs do not know memory_format here
    return anything.to(device=device, memory_format=torch.channels_last)


def _moved(batches: Iterator[Batch], device: str) -> Iterator[Batch]:
    """The batches with their tensors on the device."""
    for batch in batches:
        yield {k: v.to(device) if isinstance(v, torch.Tensor) else v for k, v in batch.items()}


def rate(settings: Any, step: int) -> float:
    """The factor on every learning rate: 1, then a straight line to 0 over the last share."""
    falling = settings.decay * settings.steps
    return min(1.0, (settings.steps - step + 1) / falling) if falling else 1.0


def _bar(steps: Iterator[Progress], done: int, total: int) -> Iterator[Progress]:
    """`steps` under a progress bar; where there is no terminal, a line every half minute."""
    seconds = 0.5 if sys.stderr.isatty() else 30.0
    with tqdm(steps, initial=done, total=total, unit="step", mininterval=seconds) as bar:
        for progress in bar:
            terms = {f"{p}/{k}": v for p, ts in progress.terms.items() for k, v in ts.items()}
            bar.set_postfix_str(" ".join(f"{k} {v:.3g}" for k, v in terms.items()), refresh=False)
            yield progress


def _log(out: Path, recent: list[Progress], seconds: float) -> list[Progress]:
    """Append the mean of every term over the recent steps to log.jsonl and draw the curves."""
    seen: dict[str, list[float]] = {}
    for progress in recent:
        for phase, terms in progress.terms.items():
            for name, value in terms.items():
                seen.setdefault(f"{phase}/{name}", []).append(value)
    row = {"step": recent[-1].step, "seconds": round(seconds, 1)}
    row |= {name: round(sum(values) / len(values), 6) for name, values in seen.items()}
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\n")
    plot(out / "log.jsonl", out / "losses.png")
    return []


def _picture(path: Path, image: Image.Image) -> None:
    with replacing(path) as temporary:
        image.save(temporary)


def _write_json(path: Path, data: Any) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1) + "\n")


def _save(path: Path, trainer: Trainer, ema: torch.nn.Module) -> None:
    """Write all that a resumed run needs."""
    state = {"trainer": trainer.state_dict(), "ema": ema.state_dict(), "rng": torch.get_rng_state()}
    with replacing(path) as temporary:
        torch.save(state, temporary)


def _restore(path: Path, out: Path, settings: Any, trainer: Trainer, ema: torch.nn.Module) -> None:
    """Go on from the last state; settings must be those of the run, save for `steps`."""
    if not path.exists():
        raise TrainingError(f"{path} does not exist: nothing to resume, start without --resume")
    before, now = json.loads((out / "settings.json").read_text()), asdict(settings)
    changed = [
        f"{name}: was {before.get(name)}, now {now.get(name)}"
        for name in sorted({*before, *now} - {"steps"})
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise TrainingError(
            f"{out} was trained with other settings:\n  "
            + "\n  ".join(changed)
            + "\n  resume with the same ones, or start a new run in another folder"
        )
    state = torch.load(path, weights_only=True)
    trainer.load_state_dict(state["trainer"])
    ema.load_state_dict(state["ema"])
    torch.set_rng_state(state["rng"])
    _drop_rows_after(out / "log.jsonl", trainer.step)


def _drop_rows_after(log: Path, step: int) -> None:
    """Forget what was logged after the state was saved: those steps are done again."""
    if log.exists():
        rows = [row for row in log.read_text().splitlines(keepends=True) if row.endswith("\n")]
        kept = [row for row in rows if json.loads(row)["step"] <= step]
        with replacing(log) as temporary:
            temporary.write_text("".join(kept))


def _export(
    recipe: Recipe, settings: Any, out: Path, step: int, parts: Mapping[str, Component]
) -> Path:
    """Seal the averaged parts and write the zoo with its card."""
    card = recipe.card(settings)
    provenance = {
        "recipe": f"recipes/{recipe.name}.py",
        "settings": asdict(settings),
        "step": step,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    zoo = Zoo(sealed(parts), replace(card, provenance=card.provenance | provenance))
    path = out / f"{recipe.name}.safetensors"
    zoo.save(path)
    return path


def main(recipe: Recipe, argv: Sequence[str] | None = None) -> None:
    """The command line of a recipe: one flag per setting, and those of every run."""
    chooser = argparse.ArgumentParser(add_help=False)
    chooser.add_argument("--variant", choices=sorted(recipe.variants), help="a named variant")
    chosen, _ = chooser.parse_known_args(argv)
    recipe = recipe.variants[chosen.variant] if chosen.variant else recipe
    parser = argparse.ArgumentParser(
        prog=f"{recipe.name}.py",
        description=sys.modules[recipe.parts.__module__].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[chooser],
    )
    parser.add_argument("--out", type=Path, default=Path("runs") / recipe.name)
    parser.add_argument("--resume", action="store_true", help="go on from the last saved state")
    parser.add_argument("--smoke", action="store_true", help="a tiny run, in seconds")
    parser.add_argument("--device", default="cpu")
    book, settings = _flags(parser, Bookkeeping()), _flags(parser, recipe.settings)
    given = vars(parser.parse_args(argv))
    changed = dict(recipe.smoke) if given["smoke"] else {}
    changed |= {name: given[name] for name in settings if given[name] is not None}
    try:
        path = run(
            recipe,
            replace(recipe.settings, **changed),
            given["out"],
            resume=given["resume"],
            device=given["device"],
            book=Bookkeeping(**{name: given[name] for name in book if given[name] is not None}),
        )
    except (TrainingError, ValueError, LookupError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print(path)


def _flags(parser: argparse.ArgumentParser, record: Any) -> list[str]:
    """Add one flag per field of a dataclass, explained by its comment; return the names."""
    meanings = dict(re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(type(record)), re.M))
    for item in fields(record):
        default = getattr(record, item.name)
        flag = "--" + item.name.replace("_", "-")
        meaning = f"{meanings.get(item.name, '')} ({default})".strip().replace("%", "%%")
        parser.add_argument(flag, dest=item.name, type=type(default), help=meaning)
    return [item.name for item in fields(record)]

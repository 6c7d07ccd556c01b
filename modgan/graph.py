"""Graphs: a checked list of steps over named values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor, nn

from modgan.component import NAME, Component, UnknownName
from modgan.data.boundary import from_people, to_people
from modgan.spec import FeatureSpec, InterfaceError

SYNTAX = "write 'T_hair' or 'T_hair: feature hair -> feature mask_hair'"


@dataclass(frozen=True, slots=True)
class Step:
    """One use of a part: the values it reads and writes, in port order; '_' drops an output."""

    part: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]

    @staticmethod
    def parse(text: str, parts: Mapping[str, Component]) -> Step:
        """The step that `text` describes; a bare part name stands for its own port names."""
        name, colon, values = (piece.strip() for piece in text.partition(":"))
        if name not in parts:
            raise UnknownName("part", name, parts)
        part = parts[name]
        if not colon:
            return Step(name, tuple(part.inputs), tuple(part.outputs))
        reads, arrow, writes = values.partition("->")
        step = Step(name, tuple(reads.split()), tuple(writes.split()))
        named = all(value == "_" or NAME.match(value) for value in (*step.reads, *step.writes))
        counts = (len(step.reads), len(step.writes)) == (len(part.inputs), len(part.outputs))
        if not arrow or not named or not counts or "_" in step.reads:
            whole = Step(name, tuple(part.inputs), tuple(part.outputs))
            raise InterfaceError(
                f"step {text!r}: {name} reads ({' '.join(part.inputs)}) and writes "
                f"({' '.join(part.outputs)});\n  write it as '{whole}' with your own value names"
            )
        kept = [value for value in step.writes if value != "_"]
        if len(set(kept)) < len(kept):
            raise InterfaceError(f"step {text!r}: writes one name twice; drop an output with '_'")
        return step

    def __str__(self) -> str:
        return f"{self.part}: {' '.join(self.reads)} -> {' '.join(self.writes)}"


class Graph(nn.Module):
    """Parts wired into one module; made by `compose`.

    `inputs` are the values read that nobody wrote, `outputs` the values written that nobody read
    later. A later write replaces an earlier one, which somebody must have read.
    """

    def __init__(self, steps: Sequence[str], parts: Mapping[str, Component]) -> None:
        super().__init__()
        if isinstance(steps, str) or not steps:
            raise InterfaceError(f"a composition is a list of steps, got {steps!r}; {SYNTAX}")
        self.steps = tuple(Step.parse(text, parts) for text in steps)
        used = {step.part: parts[step.part] for step in self.steps}
        for name in used:
            if hasattr(nn.ModuleDict(), name):
                raise InterfaceError(f"{name!r} cannot name a part: torch modules own this name")
        self.parts = nn.ModuleDict(used)
        self.inputs, self.outputs = _trace(self.steps, used)

    def forward(self, **values: Tensor) -> dict[str, Tensor]:
        """Tensors by input name -> tensors by output name; differentiable and strict."""
        self._check(values)
        for name, value in values.items():
            self.inputs[name].check(value, f"input {name!r}")
        if len({len(value) for value in values.values()}) > 1:
            given = ", ".join(f"{len(value)} of {name!r}" for name, value in values.items())
            raise InterfaceError(f"inputs of one batch size are needed, got {given}")
        return self._run(values)

    def apply(self, **values: Any) -> dict[str, Any]:  # type: ignore[override]
        """Run on what people have, and return what they can look at.

        Pictures are paths, PIL images or arrays of any size (cut to the centre square and
        resized), codes are labels, flags the set of labels that are on, `normal` values are tensors
        or integer seeds, and a list anywhere makes a batch. None skips the transformers that read
        that code. Pictures and masks come back as PIL images, one or a list.
        """
        self._check(values)
        given = {name: value for name, value in values.items() if value is not None}
        tensors, single = from_people(given, self.inputs, next(self.parameters(), None))
        return to_people(self._run(tensors), self.outputs, single)

    def _check(self, values: Mapping[str, Any]) -> None:
        """Every input given and nothing else."""
        for name in values:
            if name not in self.inputs:
                raise UnknownName("input", name, self.inputs)
        missing = [describe(name, spec) for name, spec in self.inputs.items() if name not in values]
        if missing:
            raise InterfaceError("missing " + "\n  and ".join(missing))

    def _run(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """The outputs; a step without all it reads hands its feature on and writes nothing else."""
        values = dict(values)
        for step in self.steps:
            part = cast(Component, self.parts[step.part])
            if not all(name in values for name in step.reads):
                carried = _carried(step, part, values)
                values = {name: value for name, value in values.items() if name not in step.writes}
                values[step.writes[0]] = carried
                continue
            written = part(*(values[name] for name in step.reads))
            written = written if isinstance(written, tuple) else (written,)
            values.update(zip(step.writes, written, strict=True))
        return {name: values[name] for name in self.outputs if name in values}

    def __repr__(self) -> str:
        lines = [f"in   {name}: {spec}" for name, spec in self.inputs.items()]
        lines += [f"     {step}" for step in self.steps]
        lines += [f"out  {name}: {spec}" for name, spec in self.outputs.items()]
        return "\n".join(lines)


def describe(name: str, spec: FeatureSpec) -> str:
    """An input in the words of the one who has to give it."""
    if spec.space == "flags":
        on = ", ".join(spec.labels)
        return f"{name!r}: the set of those that are on of {on}, or None to skip what reads it"
    if spec.labels:
        return f"{name!r}: one of {', '.join(spec.labels)}, or None to skip what reads it"
    if spec.space == "normal":
        return f"{name!r}: {spec}, or an integer seed to draw it"
    return f"{name!r}: {spec}"


def _carried(step: Step, part: Component, values: Mapping[str, Tensor]) -> Tensor:
    """The value that a skipped step hands on: only a feature -> feature step has one."""
    first_in, first_out = next(iter(part.inputs.values())), next(iter(part.outputs.values()))
    carried = values.get(step.reads[0])
    if carried is None or first_out.mismatch(first_in) or first_in.is_vector:
        raise InterfaceError(f"step '{step}' cannot be skipped: it makes {first_out}")
    return carried


Ports = dict[str, FeatureSpec]
Version = tuple[str, int]  # a value and the step that wrote it; -1 is the world outside


def _trace(steps: Sequence[Step], parts: Mapping[str, Component]) -> tuple[Ports, Ports]:
    """Check every step against those before it; return the inputs and outputs of the whole."""
    inputs: Ports = {}
    live: dict[str, tuple[FeatureSpec, int]] = {}  # value -> its spec and the step that wrote it
    readers: dict[Version, list[int]] = {}
    for at, step in enumerate(steps):
        ports = parts[step.part].inputs.items()
        for value, (port, spec) in zip(step.reads, ports, strict=True):
            if value not in live:
                live[value] = (inputs.setdefault(value, spec), -1)
            known, writer = live[value]
            _check_port(steps, at, port, spec.mismatch(known), value, writer)
            readers.setdefault((value, writer), []).append(at)
        replaced = {value: live[value][1] for value in step.writes if value in step.reads}
        for value, spec in zip(step.writes, parts[step.part].outputs.values(), strict=True):
            if value in live:
                writer = live[value][1]
                _check_overwritten(steps, at, value, writer, readers.get((value, writer), []))
            if "@" in spec.space and value in inputs and value not in step.reads:
                raise InterfaceError(
                    f"{_where(steps, at)}: makes the {value!r} that an earlier step reads from "
                    f"outside: {HINT}"
                )
            if value != "_":
                live[value] = (spec, at)
        for value, writer in replaced.items():
            _check_replacement(steps, at, value, readers[value, writer])
    _check_links(steps, readers)
    unread = {value: spec for value, (spec, at) in live.items() if (value, at) not in readers}
    return inputs, unread


HINT = "check the order of the steps and the spelling of the value names"


def _where(steps: Sequence[Step], at: int) -> str:
    return f"step {at + 1} of {len(steps)}, '{steps[at]}'"


def _check_port(
    steps: Sequence[Step], at: int, port: str, problem: str, value: str, writer: int
) -> None:
    """A value has to fit the port that reads it."""
    if problem:
        origin = f"step {writer + 1}, {steps[writer].part}" if writer >= 0 else "outside"
        raise InterfaceError(
            f"{_where(steps, at)}: port {port!r} {problem}\n  {value!r} comes from {origin}\n"
            "  a part only understands the space it was trained in: "
            "train it against these parts, or take the part from the same zoo"
        )


def _check_overwritten(
    steps: Sequence[Step], at: int, value: str, writer: int, readers: list[int]
) -> None:
    """What a step writes over must have been of use to somebody."""
    if writer >= 0 and not readers:
        raise InterfaceError(
            f"{_where(steps, at)}: writes over the {value!r} of step {writer + 1}, "
            f"{steps[writer].part}, before anybody reads it: {HINT}, or drop it there with '_'"
        )


def _check_replacement(steps: Sequence[Step], at: int, value: str, readers: list[int]) -> None:
    """An edit that comes after somebody read the unedited value would be lost."""
    others = [reader for reader in readers if reader != at]
    later = [step for step in steps[at + 1 :] if value in step.reads and value not in step.writes]
    if others and not later:
        raise InterfaceError(
            f"{_where(steps, at)}: nobody reads the {value!r} it writes, and step {others[0] + 1}, "
            f"{steps[others[0]].part}, already read the one before: {HINT}, "
            "or give the new value a name of its own"
        )


def _check_links(steps: Sequence[Step], readers: Mapping[Version, list[int]]) -> None:
    """Every step must be linked to another one: a misordered list otherwise composes silently."""
    linked = {at for (_, writer), by in readers.items() if writer >= 0 for at in (writer, *by)}
    for at in range(len(steps)):
        if len(steps) > 1 and at not in linked:
            raise InterfaceError(f"{_where(steps, at)}, is connected to nothing: {HINT}")

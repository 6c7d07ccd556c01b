"""Components: ordinary modules that declare their ports, and the one table of their names."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from torch import nn

from modgan.spec import LARGEST, FeatureSpec, InterfaceError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\Z")
TAKEN = {"code", "graph", "recompile", "self"}  # torch.fx modules and Python own these
_TABLE: dict[str, type[Component]] = {}


class UnknownName(LookupError):
    """A name that does not exist; the message lists those that do."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"\n  did you mean {close[0]!r}?" if close else ""
        super().__init__(f"no {kind} named {name!r}.{hint}\n  known: {', '.join(known) or 'none'}")


class Component(nn.Module):
    """A module with named ports: `forward` takes `inputs` and returns `outputs` in port order.

    A component holds no loss and no optimizer, moves nothing between devices, reads no file and
    keeps no state between calls. `config` holds its constructor arguments, all plain data.
    """

    component: ClassVar[str] = ""  # its registered name
    inputs: dict[str, FeatureSpec]
    outputs: dict[str, FeatureSpec]
    config: dict[str, Any]

    def __init_subclass__(cls) -> None:
        for base in cls.__mro__[1:]:
            if base in _TABLE.values():
                raise TypeError(
                    f"{cls.__name__} subclasses the registered component {base.__name__}: "
                    "components are final, hold one inside your own instead"
                )

    def declare(self, inputs: dict[str, FeatureSpec], outputs: dict[str, FeatureSpec]) -> None:
        """Name the ports, in the order `forward` takes and returns them."""
        for name in (*inputs, *outputs):
            if not NAME.match(name) or name in TAKEN:
                raise InterfaceError(f"{type(self).__name__}: {name!r} cannot name a port")
        self.inputs, self.outputs = inputs, outputs

    def extra_repr(self) -> str:
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}"


def register(name: str) -> Callable[[type[Component]], type[Component]]:
    """Put a class in the table under `name` and make its instances record their arguments."""

    def enter(cls: type[Component]) -> type[Component]:
        if not NAME.match(name):
            raise ValueError(f"{name!r} cannot name a component: use words of letters and digits")
        if name in _TABLE:
            raise ValueError(f"{name!r} is taken by {_TABLE[name].__qualname__}: use another name")
        _TABLE[name] = _recording(cls)
        cls.component = name
        return cls

    return enter


def _recording(cls: type[Component]) -> type[Component]:
    """Make the constructor of `cls` check and keep its arguments as `config`."""
    construct = cls.__init__
    signature = inspect.signature(construct)

    @functools.wraps(construct)
    def __init__(self: Component, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        given = {key: value for key, value in bound.arguments.items() if key != "self"}
        config = {key: _plain(value, f"{cls.__name__}({key}=…)") for key, value in given.items()}
        construct(self, **config)
        self.config = config

    cls.__init__ = __init__  # type: ignore[method-assign, assignment]
    return cls


def _plain(value: Any, where: str) -> Any:
    """A copy of plain data with tuples as lists; anything else is an error."""
    if value is None or isinstance(value, (bool, int, float, str, FeatureSpec)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, where) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(item, where) for key, item in value.items()}
    raise TypeError(
        f"{where}: component arguments are plain data (numbers, strings, lists, dicts, specs) "
        f"so that files can hold them; got {type(value).__name__}"
    )


def list_components() -> list[str]:
    """The registered names."""
    return sorted(_TABLE)


def component_class(name: str) -> type[Component]:
    """The class registered under `name`."""
    if name not in _TABLE:
        raise UnknownName("component", name, list_components())
    return _TABLE[name]


def build(name: str, /, **config: Any) -> Component:
    """The component `name` with the recorded arguments `config`."""
    cls = component_class(name)
    known = [key for key in inspect.signature(cls.__init__).parameters if key != "self"]
    for key in config:
        if key not in known:
            raise UnknownName(f"argument of {name}", key, known)
    return cls(**config)


def to_json(value: Any) -> Any:
    """A config as JSON data: specs become {"spec": …}."""
    if isinstance(value, FeatureSpec):
        return {"spec": value.to_json()}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(value: Any, where: str) -> Any:
    """The config that `to_json` wrote, with every number bounded: it may come from anywhere."""
    if isinstance(value, dict) and set(value) == {"spec"} and isinstance(value["spec"], dict):
        return FeatureSpec.from_json(value["spec"])
    if isinstance(value, dict):
        return {key: from_json(item, where) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item, where) for item in value]
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
        raise InterfaceError(f"{where}: {value} is out of bounds (at most {LARGEST})")
    return value

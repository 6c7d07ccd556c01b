"""modgan: six roles, one interface, every GAN a wiring."""

from modgan import components as _components  # noqa: F401  (fills the table of components)
from modgan.component import Component as Component
from modgan.component import UnknownName as UnknownName
from modgan.component import build as build
from modgan.component import list_components as list_components
from modgan.component import register as register
from modgan.data.boundary import walk as walk
from modgan.graph import Graph as Graph
from modgan.graph import Step as Step
from modgan.spec import FeatureSpec as FeatureSpec
from modgan.spec import InterfaceError as InterfaceError
from modgan.zoo import Card as Card
from modgan.zoo import Zoo as Zoo
from modgan.zoo import ZooError as ZooError
from modgan.zoo import compose as compose
from modgan.zoo import inspect as inspect
from modgan.zoo import load as load

__version__ = "0.1.0"

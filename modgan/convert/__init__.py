"""Checkpoints of other programs as zoos, and back; one file per program."""

from modgan.convert import cyclegan as cyclegan
from modgan.convert import finegan as finegan
from modgan.convert import mixnmatch as mixnmatch
from modgan.convert import munit as munit
from modgan.convert import stargan as stargan
from modgan.convert import unit as unit
from modgan.convert.checkpoint import LICENCE as LICENCE

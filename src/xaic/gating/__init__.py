"""A run held against a baseline run: did an explanation become worse? No verdict is made here and none is changed."""

from xaic.gating.holding import hold
from xaic.gating.junit import gate_to_junit
from xaic.gating.markdown import gate_to_markdown
from xaic.gating.waivers import read_waivers

__all__ = ["gate_to_junit", "gate_to_markdown", "hold", "read_waivers"]

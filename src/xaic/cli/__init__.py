"""The command line: one module a command, gathered in ``app``; ``main`` maps every fault to an exit status."""

from xaic.cli.main import main

__all__ = ["main"]

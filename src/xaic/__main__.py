"""``python -m xaic`` is the command ``xaic``."""

from xaic.cli import main

main()

"""Reference material: one module a specimen, each with data, provenance, known truth and maybe a model.

``base`` holds what they share and the registry; ``python -m xaic.specimens`` makes their files again.
"""

from xaic.specimens.base import (
    Specimen,
    all_specimens,
    get_specimen,
    register_specimen,
    specimen_digest,
)
from xaic.specimens.facts import material_facts

__all__ = [
    "Specimen",
    "all_specimens",
    "get_specimen",
    "material_facts",
    "register_specimen",
    "specimen_digest",
]

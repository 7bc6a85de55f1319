"""``xaic new``: write the beginnings of something, ready to run."""

from __future__ import annotations

import importlib.util
import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from xaic.documents.errors import Misuse

app = typer.Typer(no_args_is_help=True, help="Write a new method. Example: [bold]xaic new method MyMethod[/bold]")

METHOD = '''"""{name}: say in one sentence what it explains and how.

Run it with:  xaic run --method ./{stem}.py:{name}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic import AttributionMethod, MethodCard
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic import Context


class {name}(AttributionMethod):
    """Gradient of the target's logit times the input. Put your own method in its place."""

    card = MethodCard(
        id="my.{stem}",
        title="{name}",
        family="attribution",
        purpose="Show which parts of the input moved the target's logit.",
        truth="contribution",  # what a value means: sensitivity, contribution or region
        capabilities=Capabilities(access="gradients", signed=True, stochastic=False),
        claims=(),  # properties you claim, each is tested: ClaimedProperty("completeness", 0.02, "ReLU networks")
        unclaimed=("completeness", "implementation invariance"),
        assumptions=("the model is differentiable at the input",),
        limits=("first order only",),
        cost="1 gradient pass an input",
        references=("name the paper, section and equation you implement",),
        themes={{
            "T-STK": ("developers",),
            "T-LC": ("verification and validation",),
            "T-NEED": ("which parts of this input mattered",),
            "T-FORM": ("visual",),
            "T-APPR": ("post hoc, local",),
            "T-TECH": ("needs gradients",),
            "T-FAM": ("post hoc: attribution",),
        }},
    )

    def explain(self, model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Context) -> Tensor:  # noqa: ARG002
        """Return one map per input, shaped like the inputs."""
        inputs = inputs.clone().requires_grad_(True)
        logits = model(inputs).gather(1, targets[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), inputs)
        return gradient * inputs.detach()
'''

TEST = '''"""Tests of {name}: run them with pytest."""

from __future__ import annotations

from pathlib import Path

import xaic

METHOD = Path(__file__).with_name("{stem}.py")
SMOKE = """
schema: xaic/profile/1
id: smoke
title: Smoke
edition: "2026.1"
purpose: Does the method run, repeat itself, and say on its card what a reader must know?
requirements:
  - {{criterion: EX-DOC-01, benchmarks: ["*"]}}
  - {{criterion: EX-DOC-02, benchmarks: ["*"]}}
  - {{criterion: EX-REP-01, benchmarks: [attribution/tabular]}}
protocol:
  attribution: {{units: 16, steps: 2, subsets: 4, draws: 2, neighbours: 1, randomisations: 1}}
"""


def test_the_method_keeps_its_contract_and_its_card_is_whole(tmp_path: Path) -> None:
    profile = tmp_path / "smoke.yaml"
    profile.write_text(SMOKE, "utf-8")
    run = xaic.run(f"{{METHOD}}:{name}", str(profile), out=tmp_path / "run")
    assert run.whole, run.verdicts.to_string()
    on_card = run.verdicts[run.verdicts["benchmark"] == "card"]
    assert set(on_card["state"]) == {{"pass"}}, on_card.to_string()
'''


@app.command("method")
def method(
    name: Annotated[str, typer.Argument(help="Class name of the method, as MyMethod.")],
    folder: Annotated[Path, typer.Option("--folder", help="Where to write.")] = Path(),
) -> int:
    """Write a small method with its card and a test, ready to run.

    Example: [bold]xaic new method MyMethod && xaic run --method ./my_method.py:MyMethod[/bold]
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise Misuse(f"{name!r} is no Python class name; use letters, digits and underscores, as MyMethod")
    stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    written = {folder / f"{stem}.py": METHOD, folder / f"test_{stem}.py": TEST}
    for path in written:
        if path.exists():
            raise Misuse(f"{path} is there already; choose another name or folder")
    if importlib.util.find_spec(stem) is not None:  # Python would import this file in its place
        raise Misuse(f"a module {stem!r} is installed already; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in written.items():
        path.write_text(text.format(name=name, stem=stem), "utf-8")
        typer.echo(path)
    typer.echo(f"run it with: xaic run --method {folder / f'{stem}.py'}:{name}")
    return 0

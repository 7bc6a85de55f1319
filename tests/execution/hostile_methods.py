"""Methods that misbehave, each in its own way; loaded from this file by reference."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Any

import torch
from torch import Tensor

from xaic.documents.types import Capabilities, MethodCard
from xaic.families.attribution import Attribution, AttributionTask
from xaic.methods.base import Context, Method, State


def card(name: str, *, stochastic: bool = False) -> MethodCard:
    return MethodCard(
        id=f"hostile.{name}",
        title=name,
        family="attribution",
        purpose="misbehave",
        truth="sensitivity",
        capabilities=Capabilities(stochastic=stochastic),
    )


class Sound(Method[Any, AttributionTask, Attribution]):
    card = card("sound")

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:
        model = ctx.module(task.model)
        inputs = task.inputs.clone().requires_grad_(True)
        score = model(inputs).gather(1, task.targets[:, None]).sum()
        return Attribution(torch.autograd.grad(score, inputs)[0])


class Base(Sound):
    def run(self, task: AttributionTask, state: State, ctx: Context) -> Any:
        values = super().run(task, state, ctx).values
        return self.spoil(values, task, ctx)

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        raise NotImplementedError


class Raises(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        raise ValueError("I do not like these inputs")


class ReturnsNone(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return None


class ReturnsText(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return "relevant"


class ReturnsNaN(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return values / 0 * 0


class WrongShape(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return values[:, :1]


class WrongType(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return values.long()


class Exits(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        os._exit(0)


class SysExit(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        sys.exit(0)


class Interrupts(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        raise KeyboardInterrupt


class KillsItself(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        return values


class KillsParent(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(30)
        return values


class Segfaults(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        ctypes.string_at(0)
        return values


class Hangs(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.valid_signals()))
        while True:
            pass


class Sleeps(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        time.sleep(3600)
        return values


class Gluttonous(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return torch.ones(30 << 30, dtype=torch.uint8).float()


class Chatters(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        line = "x" * 1023 + "\n"
        for _ in range(3000):
            sys.stdout.write(line)
        os.write(1, b"XAI1garbage" * 1000)
        return values


class MutatesModel(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        next(iter(ctx.module(task.model).parameters())).data.add_(1)
        return values


class LeavesTraining(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        ctx.module(task.model).train()
        return values


class LeavesHook(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        ctx.module(task.model).register_forward_hook(lambda *_: None)
        return values


class LeavesGradients(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        ctx.module(task.model).requires_grad_(True)
        return values


class ChangesInputs(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        task.inputs.mul_(2)
        return values


class MixesRows(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return values - values.mean(0)


class Gambles(Base):
    """Draws anew at each call and does not say so."""

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        return Attribution(values + torch.rand(values.shape))


class Patches(Base):
    """Replaces a metric in its own process; the trusted process must not notice."""

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        import xaic.documents.store
        import xaic.engine.removal

        xaic.engine.removal.curves = None  # type: ignore[assignment]
        xaic.documents.store.write = None  # type: ignore[assignment]
        return values


class Forks(Base):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        return values


class Daemonises(Base):
    """Leaves a process in a session of its own, whose parent is gone."""

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        os.wait()
        return values


class DaemonisesAndHangs(Daemonises):
    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        super().spoil(values, task, ctx)
        time.sleep(600)


class KillsServer(Base):
    """Kills the process that forks the workers of all trials."""

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        import psutil

        parent = psutil.Process(os.getppid()).parent()
        assert parent is not None
        parent.kill()
        time.sleep(30)
        return values


class FitHangs(Sound):
    card = card("fithangs")

    def fit(self, data: Any, ctx: Context) -> State:
        time.sleep(600)
        return State()


class KeepsNotes(Base):
    """Writes to its scratch folder and uses what it finds there."""

    def spoil(self, values: Tensor, task: AttributionTask, ctx: Context) -> Any:
        notes = ctx.scratch / "notes.txt"
        sys.stdout.write(f"found {notes.read_text() if notes.is_file() else 'nothing'}\n")
        notes.write_text("something")
        return values


for _name, _value in list(globals().items()):
    if isinstance(_value, type) and issubclass(_value, Base):
        _value.card = card(_name.lower())

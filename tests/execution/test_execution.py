"""A method that misbehaves costs its own trial, with a reason, and nothing else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xaic.execution import Done, Limits, NoForkServer, Pool, Work
from xaic.execution.limits import shorten
from xaic.execution.protocol import HEAD, MAGIC, BadFrame, Closed, receive, send

HERE = Path(__file__).parent
ENTRIES = str(HERE / "entries.py")
HOSTILE = str(HERE / "hostile_methods.py")
LIMITS = Limits(call_seconds=4, trial_seconds=30, memory_gib=2)


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2, LIMITS, preload=("captum.attr", "pandas")) as made:
        yield made


def explain(pool: Pool, name: str, folder: Path, **more: object) -> Done:
    work = Work(name, f"{ENTRIES}:explain", {"reference": f"{HOSTILE}:{name}", **more}, folder)
    (done,) = pool.run([work])
    return done


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Raises", "ValueError: I do not like these inputs"),
        ("ReturnsNone", "an attribution must be a tensor"),
        ("ReturnsText", "an attribution must be a tensor"),
        ("ReturnsNaN", "NaN or infinite values in 8 of 8 maps"),
        ("WrongShape", r"the map has shape \[8, 1\]"),
        ("WrongType", "the map has dtype torch.int64"),
        ("Exits", "left with exit status 0 during 'run'"),
        ("SysExit", "SystemExit"),
        ("Interrupts", "KeyboardInterrupt"),
        ("KillsItself", "killed by SIGKILL during 'run'"),
        ("KillsParent", "the worker of the trial died"),
        ("Segfaults", "killed by SIGSEGV during 'run'"),
        ("Hangs", "no answer to 'run' within 4 s"),
        ("Sleeps", "no answer to 'run' within 4 s"),
        ("Gluttonous", "memory"),
        ("MutatesModel", "changed the model's parameters"),
        ("LeavesTraining", "training mode, hooks or gradients"),
        ("LeavesHook", "training mode, hooks or gradients"),
        ("LeavesGradients", "training mode, hooks or gradients"),
        ("ChangesInputs", "changed its task in place: inputs"),
        ("NoSuch", "'NoSuch' is no xaic method"),
    ],
)
def test_each_fault_has_its_reason_and_the_next_trial_is_sound(
    pool: Pool, tmp_path: Path, name: str, reason: str
) -> None:
    import re

    done = explain(pool, name, tmp_path / "bad")
    assert re.search(reason, done.fault), done.fault
    assert "\n" not in done.fault
    after = explain(pool, "Sound", tmp_path / "good")
    assert after.fault == ""
    assert after.result["gap"] == 0


def test_a_method_that_mixes_rows_breaks_the_contract(pool: Pool, tmp_path: Path) -> None:
    assert "rows get other answers in a batch than alone" in explain(pool, "MixesRows", tmp_path, alone=True).fault
    assert explain(pool, "Sound", tmp_path, alone=True).fault == ""


def test_a_method_that_draws_and_does_not_say_so_breaks_the_contract(pool: Pool, tmp_path: Path) -> None:
    assert "two draws differ by" in explain(pool, "Gambles", tmp_path, alone=True).fault


def test_what_a_method_patches_stays_in_its_own_process(pool: Pool, tmp_path: Path) -> None:
    done = explain(pool, "Patches", tmp_path)
    assert done.fault == ""
    assert done.result["gap"] == 0


def test_what_a_method_prints_is_kept_and_cut(pool: Pool, tmp_path: Path) -> None:
    assert explain(pool, "Chatters", tmp_path).fault == ""
    log = (tmp_path / "log.txt").read_bytes()
    assert len(log) < 1.1 * 2**20
    assert b"[cut: 30" in log


def test_passes_are_counted_where_they_happen(pool: Pool, tmp_path: Path) -> None:
    done = explain(pool, "Sound", tmp_path)
    assert (done.result["forward"], done.result["backward"]) == (8, 8)


def test_nothing_a_method_started_outlives_its_trial(pool: Pool, tmp_path: Path) -> None:
    assert explain(pool, "Forks", tmp_path).fault == ""
    assert _gone(lambda: _sleepers() == [])


def _sleepers() -> list[int]:
    """Processes forked by this session's fork servers that are asleep in a method."""
    return [
        p.pid
        for p in psutil.process_iter(["ppid", "cmdline"])
        if p.info["ppid"] == 1 and "forkserver" in " ".join(p.info["cmdline"] or [])
    ]


def _gone(condition: object, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def remembered(pool: Pool) -> dict[str, object]:
    (done,) = pool.run([Work("remember", f"{ENTRIES}:remember", {})])
    assert done.fault == ""
    found: dict[str, object] = done.result
    return found


def test_what_the_server_loaded_is_in_every_worker_also_after_it_fell(pool: Pool) -> None:
    assert remembered(pool) == {"notes": [], "workers": []}
    pool.warm(f"{ENTRIES}:keep", {"note": "one"})
    pool.warm(f"{ENTRIES}:keep", {"note": "two"})
    assert remembered(pool)["notes"] == ["one", "two"]
    assert remembered(pool) == {"notes": ["one", "two"], "workers": []}  # a worker's own notes end with it
    assert pool._server is not None
    pool._server.kill()
    pool._server.wait()
    assert remembered(pool)["notes"] == ["one", "two"]


def test_what_cannot_be_loaded_ahead_stops_nothing(pool: Pool) -> None:
    pool.warm(f"{ENTRIES}:keep", {"other": 1})
    pool.warm("no.such.module:at_all", {})
    (done,) = pool.run([Work("a", f"{ENTRIES}:square", {"x": 3})])
    assert done.result == 9


def test_outcomes_come_for_all_work_whatever_happens_to_some(pool: Pool) -> None:
    works = [Work(str(i), f"{ENTRIES}:square", {"x": i}) for i in range(6)] + [Work("fall", f"{ENTRIES}:fall", {})]
    done = {outcome.id: outcome for outcome in pool.run(works)}
    assert {id: outcome.result for id, outcome in done.items() if id != "fall"} == {str(i): i * i for i in range(6)}
    assert "died" in done["fall"].fault


def test_a_trial_over_its_time_is_killed() -> None:
    with Pool(1, Limits(trial_seconds=3), preload=()) as pool:
        (done,) = pool.run([Work("linger", f"{ENTRIES}:linger", {})])
    assert "more than 3 s" in done.fault


def test_workers_use_one_thread_and_processes_of_their_own(pool: Pool) -> None:
    outcomes = [outcome.result for outcome in pool.run([Work(str(i), f"{ENTRIES}:whoami", {}) for i in range(3)])]
    assert len({outcome["pid"] for outcome in outcomes} | {os.getpid()}) == 4
    assert {outcome["threads"] for outcome in outcomes} == {1}
    assert pool._server is not None
    assert psutil.Process(pool._server.pid).num_threads() == 1  # else a fork may copy a lock that nobody holds


def test_the_fork_server_is_started_anew_where_it_died(pool: Pool) -> None:
    list(pool.run([Work("a", f"{ENTRIES}:square", {"x": 2})]))
    assert pool._server is not None
    pool._server.kill()
    pool._server.wait()
    (done,) = pool.run([Work("b", f"{ENTRIES}:square", {"x": 3})])
    assert done.result == 9


def test_work_that_fell_with_the_fork_server_is_made_again_and_the_culprit_pays(pool: Pool, tmp_path: Path) -> None:
    works = [
        Work("culprit", f"{ENTRIES}:explain", {"reference": f"{HOSTILE}:KillsServer"}, tmp_path / "culprit"),
        Work("beside", f"{ENTRIES}:doze", {"seconds": 5}, tmp_path / "beside"),
        Work("after", f"{ENTRIES}:explain", {"reference": f"{HOSTILE}:Sound"}, tmp_path / "after"),
    ]
    faults = {outcome.id: outcome.fault for outcome in pool.run(works)}
    assert faults == {"culprit": "the fork server died during the trial", "beside": "", "after": ""}


def test_what_left_its_session_does_not_outlive_its_trial_either(pool: Pool, tmp_path: Path) -> None:
    assert explain(pool, "Daemonises", tmp_path).fault == ""
    assert pool._server is not None
    server = psutil.Process(pool._server.pid)
    assert _gone(lambda: server.children(recursive=True) == [])
    assert _sleepers() == []


def test_fitting_has_a_limit_too(pool: Pool, tmp_path: Path) -> None:
    (done,) = pool.run([Work("fit", f"{ENTRIES}:fit", {"reference": f"{HOSTILE}:FitHangs"}, tmp_path)])
    assert done.fault == "no answer to 'fit' within 4 s; the process was killed"


def test_a_log_is_shortened_once_however_often_it_is_asked(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_bytes(b"x" * 3_000_000)
    shorten(log)
    once = log.read_bytes()
    assert len(once) == 1 << 20
    assert once.endswith(b"\n[cut: 3000000 bytes were written]\n")
    shorten(log)
    assert log.read_bytes() == once
    log.write_bytes(b"")
    shorten(log)
    shorten(log)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_start_is_told() -> None:
    with Pool(1, LIMITS, preload=("xaic_has_no_such_module",)) as pool, pytest.raises(NoForkServer, match="not start"):
        list(pool.run([Work("a", f"{ENTRIES}:square", {"x": 2})]))


def test_killing_the_parent_leaves_no_orphans(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "from xaic.execution import Limits, Pool, Work\n"
        "with Pool(2, Limits(call_seconds=500, trial_seconds=500), preload=()) as pool:\n"
        f"    asked = {{'reference': {HOSTILE + ':Hangs'!r}}}\n"
        f"    works = [Work(str(i), {ENTRIES + ':explain'!r}, asked) for i in range(2)]\n"
        "    list(pool.run(works))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    found: set[int] = set()

    def all_there() -> bool:
        found.update(child.pid for child in psutil.Process(parent.pid).children(recursive=True))
        return len(found) >= 5

    assert _gone(all_there, 60)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert _gone(lambda: not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in found))


@given(st.dictionaries(st.text(max_size=8), st.integers()), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_frames_arrive_as_they_were_sent(header: dict[str, int], n: int) -> None:
    near, far = socket.socketpair()
    with near, far:
        tensors = {"x": torch.arange(n)} if n else {}
        send(near, header, tensors)
        got, found = receive(far, 1)
        assert got == header
        assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@given(st.binary(min_size=1, max_size=64))
@settings(max_examples=50, deadline=None)
def test_any_bytes_are_a_frame_or_a_clear_fault(data: bytes) -> None:
    near, far = socket.socketpair()
    with far:
        near.sendall(data)
        near.close()
        with pytest.raises((BadFrame, Closed)):
            receive(far, 1)


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(HEAD.pack(MAGIC, 2**31, 2**40))
        with pytest.raises(BadFrame, match="over the limit"):
            receive(far, 1)


def test_sending_to_one_who_does_not_listen_ends_in_time() -> None:
    near, far = socket.socketpair()
    with near, far, pytest.raises(TimeoutError):
        send(near, {}, {"x": torch.zeros(10_000_000)}, 0.2)


def test_waiting_for_a_frame_ends_in_time() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.sendall(MAGIC)
        with pytest.raises(TimeoutError):
            receive(far, 0.2)

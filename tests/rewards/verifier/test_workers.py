import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from processes import offspring, wait_until_gone

import rewards
from rewards.verifier import MathVerifier, zygote
from rewards.verifier.slot import JudgeNotLoaded, Slot
from rewards.verifier.workers import RECYCLED_AFTER, Workers

JUDGES = str(Path(__file__).with_name("judges.py"))


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(f"{JUDGES}:scripted", {}, workers=2, seconds=0.5, memory=256)
    yield pool
    pool.close()


def test_each_way_to_end_has_its_verdict_and_costs_nobody_else(workers: Workers) -> None:
    kinds = {
        "right": "correct", "wrong": "wrong", "none": "unparsable", "half": "wrong", "whole": "correct", "verdict": "timed_out",
        "hang": "timed_out", "sleep": "timed_out", "die": "crashed", "exit": "crashed", "fill": "timed_out", "deep": "unparsable",
    }  # fmt: skip
    items = [("right", kind) for kind in kinds]
    mixed = [item for item in items for item in (item, ("right", "right"))]
    assert [str(v) for v in workers.run(mixed)] == [v for kind in kinds.values() for v in (kind, "correct")]


def test_a_judge_that_raises_is_named_once_and_its_items_are_crashed(workers: Workers) -> None:
    with pytest.warns(UserWarning, match=r"scripted' raised ZeroDivisionError: no such thing \(.*judges\.py:\d+\); "):
        assert workers.run([("g", "raise")]) == ["crashed"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert workers.run([("g", "raise"), ("g", "nonsense")]) == ["crashed", "crashed"]


def test_where_a_system_has_no_bounds_like_linux_a_worker_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has neither `prctl`, nor `/proc`, nor a limit of memory that holds: the demo's judges run without them."""
    for name in ("ctypes", "resource", "Path"):
        monkeypatch.setattr(zygote, name, None)
    monkeypatch.setattr(zygote, "sys", SimpleNamespace(platform="darwin"))
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            zygote._become_worker(parent, 256)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("no.such.module:judge", "ModuleNotFoundError"),
        ("nowhere.py:judge", "FileNotFoundError"),
        (f"{JUDGES}:nobody", "AttributeError: .*nobody"),
    ],
)
def test_a_judge_that_cannot_be_loaded_says_why(reference: str, message: str) -> None:
    pool = Workers(reference, {}, workers=1, seconds=1)
    with pytest.raises(JudgeNotLoaded, match=message):
        pool.run([("1", "1")])
    pool.close()


def test_options_reach_the_judge() -> None:
    pool = Workers(f"{JUDGES}:scaled", {"factor": 3}, workers=1, seconds=1)
    assert pool.run([("2", "6"), ("2", "4")]) == ["correct", "wrong"]
    pool.close()


@pytest.mark.parametrize(
    "bad", [{"workers": 0, "seconds": 1}, {"workers": 1, "seconds": 0}, {"workers": 1, "seconds": 1, "memory": 0}]
)
def test_limits_must_be_positive(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Workers(f"{JUDGES}:same", {}, **bad)


def test_from_a_thread_from_several_and_from_asyncio(workers: Workers) -> None:
    items = [("a", "a"), ("a", "b"), ("a", "hang"), ("a", "a")]
    expected = ["correct", "wrong", "timed_out", "correct"]
    with ThreadPoolExecutor(4) as pool:
        assert [list(f.result()) for f in [pool.submit(workers.run, items) for _ in range(4)]] == [expected] * 4

    async def judge() -> list[object]:
        return list(await asyncio.gather(*(asyncio.to_thread(workers.run, items) for _ in range(2))))

    assert asyncio.run(judge()) == [expected] * 2
    assert workers.run(items) == expected


def test_a_thread_that_started_them_may_end(workers: Workers) -> None:
    thread = threading.Thread(target=workers.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert workers.run([("a", "a")] * 3) == ["correct"] * 3


def test_a_forked_copy_has_workers_of_its_own(workers: Workers) -> None:
    assert workers.run([("a", "a")]) == ["correct"]
    mine = offspring()
    child = os.fork()
    if child == 0:
        good = workers.run([("a", "a"), ("a", "b")]) == ["correct", "wrong"]
        workers.close()
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert mine <= offspring()
    assert workers.run([("a", "a")]) == ["correct"]


def test_what_was_out_when_a_call_was_broken_off_does_not_answer_the_next(workers: Workers) -> None:
    workers.run([("a", "a")])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            workers.run([("a", "sleep")] * 4)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert workers.run([("a", "b"), ("a", "a")]) == ["wrong", "correct"]


def test_a_worker_is_replaced_after_so_many_items() -> None:
    pool = Workers(f"{JUDGES}:same", {}, workers=1, seconds=1)
    pool.run([("a", "a")])
    first = pool._slots[0].pid
    pool.run([("a", "a")] * RECYCLED_AFTER)
    assert pool._slots[0].pid != first
    pool.close()


@pytest.mark.parametrize("interval", [0.05, 0.3])
def test_killing_workers_at_random_loses_no_verdict_and_doubles_none(interval: float) -> None:
    pool = Workers(f"{JUDGES}:counted", {}, workers=2, seconds=5)
    items = [(str(i), str(i // 2)) for i in range(5000)]
    before, stop, killed = offspring(), threading.Event(), 0

    def kill() -> None:
        nonlocal killed
        chance = random.Random(0)
        while not stop.wait(interval) and killed < 60:
            for pid in chance.sample(sorted(offspring() - before), k=1) if offspring() - before else []:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    killed += 1

    killer = threading.Thread(target=kill)
    killer.start()
    verdicts = pool.run(items)
    stop.set()
    killer.join()
    expected = ["correct" if i % 3 == i // 2 % 3 else "wrong" for i in range(5000)]
    assert killed >= 10
    assert [(i, v) for i, (v, e) in enumerate(zip(verdicts, expected, strict=True)) if v != e] == []
    left = offspring() - before
    pool.close()
    wait_until_gone(left)


def test_killing_the_processes_that_workers_come_from_is_survived(workers: Workers) -> None:
    assert workers.run([("a", "a")] * 4) == ["correct"] * 4
    for slot in workers._slots:
        assert slot.zygote is not None
        slot.zygote.kill()
    assert workers.run([("a", "a"), ("a", "b")] * 4) == ["correct", "wrong"] * 4


SCRIPT = """
import sys, time
from rewards.verifier.workers import Workers
pool = Workers({judges!r}, {{}}, workers=2, seconds=60)
print(pool.run([("a", "a")] * 4), flush=True)
import threading
threading.Thread(target=pool.run, args=([("a", "hang")] * 2,), daemon=True).start()
time.sleep(0.3)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_the_parent_however_it_ends(how: signal.Signals) -> None:
    script = SCRIPT.format(judges=f"{JUDGES}:scripted")
    parent = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    assert "correct" in parent.stdout.readline()
    assert parent.stdout.readline() == "ready\n"
    children = offspring(parent.pid)
    assert len(children) >= 4
    parent.send_signal(how)
    parent.wait(30)
    wait_until_gone(children)


UNGUARDED = r"""
print("once", flush=True)
from rewards.verifier import MathVerifier as M
print([str(v) for v in M().judge(["3", "3"], [r"\boxed{\log_2 8}", r"\boxed{\log_2 9}"])])
"""


def test_a_script_without_a_main_guard_is_not_run_again_and_its_folder_shadows_nothing(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(UNGUARDED)
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "__init__.py").write_text("raise SystemExit('shadowed')")
    environment = {**os.environ, "PYTHONPATH": str(Path(rewards.__file__).parents[1])}
    command = [sys.executable, "-P", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=True)
    assert done.stdout == "once\n['correct', 'wrong']\n"


def test_verdicts_are_remembered_and_equal_items_asked_once() -> None:
    verifier = MathVerifier(workers=1)
    asked: list[object] = []
    run = verifier.workers.run
    verifier.workers.run = lambda items: asked.extend(items) or run(items)  # type: ignore[method-assign,func-returns-value]
    texts = [r"\boxed{\log_2 8}", r"so \boxed{\log_2 8}", r"\boxed{\log_3 27}"]
    assert verifier.judge(["3"] * 3, texts) == ["correct"] * 3
    assert verifier.judge(["3"] * 3, texts) == ["correct"] * 3
    assert asked == [("3", r"\log_2 8"), ("3", r"\log_3 27")]
    verifier.close()


def test_the_memory_of_verdicts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewards.verifier.base.CACHED", 3)
    verifier = MathVerifier(workers=1)
    monkeypatch.setattr(verifier.workers, "run", lambda items: ["wrong"] * len(items))
    for i in range(10):
        verifier.ask([("3", f"\\log_2 {i}"), ("3", f"\\log_3 {i}")])
    assert len(verifier._known) == 3
    assert ("3", r"\log_3 9") in verifier._known


RANK = r"""
import os, sys
from pathlib import Path
from rewards.verifier import MathVerifier, zygote
rank = os.environ["RANK"]
verifier = MathVerifier(seconds=1)
verifier.start()
texts = [r"\boxed{\log_2 8}", r"\boxed{9^{9^{9^9}}}", rf"\boxed{{\log_{2 + int(rank)} 9}}"]
Path(sys.argv[1], rank).write_text(" ".join(verifier.judge(["3", "3", "2"], texts)))
"""


def test_every_rank_of_a_launch_has_workers_of_its_own_and_leaves_none(tmp_path: Path) -> None:
    script = tmp_path / "rank.py"
    script.write_text(RANK)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(rewards.__file__).parents[1])}
    launch = subprocess.Popen([*command, str(tmp_path)], env=environment, stderr=subprocess.PIPE)
    seen: set[int] = set()
    while launch.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            seen |= offspring(launch.pid)
        time.sleep(0.05)
    assert launch.returncode == 0, launch.stderr.read() if launch.stderr else ""
    said = [(tmp_path / rank).read_text() for rank in "01"]
    assert said == ["correct timed_out wrong", "correct timed_out correct"]
    assert len(seen) > 6  # two ranks, and two workers with what they come from for each
    wait_until_gone(seen)


def test_a_worker_that_is_kept_from_the_processor_is_waited_for() -> None:
    """A machine so busy that the worker gets nothing for twice its time, planted by stopping it."""
    pool = Workers(f"{JUDGES}:worked", {}, workers=1, seconds=0.5)
    assert pool.run([("0", "0")]) == ["correct"]
    (slot,) = pool._slots
    assert slot.pid is not None
    worker = psutil.Process(slot.pid)

    def starve() -> None:
        worker.suspend()
        time.sleep(1.0)
        worker.resume()

    busy = threading.Thread(target=starve)
    busy.start()
    assert pool.run([("0.1", "0.1")]) == ["correct"]  # a tenth of a second's work, in more than a second
    busy.join()
    assert slot.pid == worker.pid
    pool.close()


def test_what_runs_out_of_time_on_a_busy_machine_is_judged_once_more_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Workers(f"{JUDGES}:scripted", {}, workers=2, seconds=0.3)
    monkeypatch.setattr("rewards.verifier.slot.LOADED", 0.0)  # every machine is busy
    given: list[tuple[int, int]] = []
    give = Slot.give

    def told(slot: Slot, place: int, *rest: Any) -> None:
        others = sum(other.item is not None for other in pool._slots if other is not slot)
        given.append((place, others))
        give(slot, place, *rest)

    monkeypatch.setattr(Slot, "give", told)
    verdicts = pool.run([("a", "hang"), ("a", "a"), ("a", "hang"), ("a", "b")])
    assert verdicts == ["timed_out", "correct", "timed_out", "wrong"]
    assert sorted(given[-2:]) == [(0, 0), (2, 0)]  # one after the other, nothing beside them
    assert len(given) == 6
    pool.close()


def test_verdicts_are_the_same_beside_eight_others_that_want_the_processor() -> None:
    items = [("0.15", "0.15"), ("0.15", "0.2")] * 4
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    pool = Workers(f"{JUDGES}:worked", {}, workers=2, seconds=0.4)
    try:
        assert pool.run(items) == ["correct", "wrong"] * 4
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
        pool.close()

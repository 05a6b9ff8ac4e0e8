"""How long it will take, said before it starts."""

from __future__ import annotations

import sys

import pytest

from igsed_core.base import progress


@pytest.mark.parametrize(
    ("items", "seconds", "told"),
    [
        (100, 0.5, ""),
        (1016, 0.8, "features: 1016 clips, about 14 minutes (0.8 s for one)\n"),
        (10_000, 2.0, "features: 10000 clips, about 5.6 hours (2 s for one)\n"),
    ],
)
def test_long_things_are_announced(
    items: int, seconds: float, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    progress.expect("features", items, seconds, item="clip")
    assert capsys.readouterr().err == told


def test_what_is_done_at_a_time_takes_less(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    progress.expect("maps", 100, 6.0, item="clip", at_once=2)
    assert capsys.readouterr().err == "maps: 100 clips, about 5 minutes (6 s for one, 2 at a time)\n"


def test_a_trial_is_timed_after_one_that_warms_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 107.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    calls: list[int] = []
    assert progress.seconds_of(lambda: calls.append(0)) == 7.0
    assert len(calls) == 2


def test_bars_count_bytes_in_thousands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    with progress.bar(desc="file", total=2_000_000, unit="B") as steps:
        steps.update(2_000_000)
    with progress.bar(desc="features", total=2000, unit=" clips") as steps:
        steps.update(2000)
    told = capsys.readouterr().err
    assert "2.00M/2.00M" in told and "2000/2000" in told


@pytest.mark.parametrize(("terminal", "before"), [(True, "\r\x1b[K"), (False, "\n")])
def test_a_line_is_not_written_into_a_bar_of_another_process(
    terminal: bool, before: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(progress.TERMINAL_VARIABLE, raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    progress.tell("done", apart=True)
    assert capsys.readouterr().err == f"{before}done\n"

"""Programs forked with their libraries imported: as if started by themselves, and gone with whoever asked."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from igsed_core.base import children, warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux alone")


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a program beside a server that has imported."""
    inner = children.environment()
    with warm.server(inner) as further:
        yield {**inner, **dict.fromkeys(warm.THREADS, "1"), **further}


def command(code: str, *arguments: str) -> list[str]:
    return warm.asking([sys.executable, "-P", "-s", "-c", code, *arguments])


def done(code: str, *arguments: str, env: dict[str, str], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command(code, *arguments), env=env, check=False, capture_output=True, text=True, timeout=300, **options
    )


def test_libraries_are_there_and_nothing_of_ours(variables: dict[str, str]) -> None:
    code = "import sys; print('torch' in sys.modules, [m for m in sys.modules if m.startswith('igsed')])"
    assert done(code, env=variables).stdout == "True []\n"


def test_a_program_is_as_one_that_was_started_by_itself(variables: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import os, sys, threading; print(sys.argv, os.getcwd(), sorted(os.environ), sys.path, sys.flags, __name__, "
        "threading.active_count(), sorted(os.listdir('/proc/self/fd')), sys.stdin.read()); "
        "sys.stderr.write('told'); sys.exit(3)"
    )
    forked = done(code, "a", "b c", env=variables, cwd=tmp_path, input="in")
    alone = done(code, "a", "b c", env={**variables, warm.VARIABLE: ""}, cwd=tmp_path, input="in")
    assert (forked.returncode, forked.stderr) == (alone.returncode, alone.stderr) == (3, "told")
    assert forked.stdout == alone.stdout


def test_what_it_registered_for_its_end_is_done_and_its_threads_are_waited_for(variables: dict[str, str]) -> None:
    code = (
        "import atexit, threading, time; atexit.register(print, 'end'); "
        "threading.Thread(target=lambda: (time.sleep(0.3), print('thread'))).start()"
    )
    assert done(code, env=variables).stdout == "thread\nend\n"


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "PYTHONPATH", "MPLCONFIGDIR", "CUDA_VISIBLE_DEVICES"])
def test_other_variables_where_libraries_read_them_are_declined(variables: dict[str, str], name: str) -> None:
    other = {**variables, name: "/2"}
    told = done(f"import os, sys; print('torch' in sys.modules, os.environ[{name!r}])", env=other)
    assert told.stdout == "False /2\n"


def test_without_a_server_and_with_one_that_has_gone_it_starts_by_itself(variables: dict[str, str]) -> None:
    for address in ("", "/no/such/socket"):
        told = done("import sys; print('torch' in sys.modules)", env={**variables, warm.VARIABLE: address})
        assert told.stdout == "False\n"


def test_errors_and_signals_come_back(variables: dict[str, str]) -> None:
    failed = done("1 / 0", env=variables)
    assert failed.returncode == 1 and "ZeroDivisionError" in failed.stderr
    told = done("import sys; sys.exit('a reason')", env=variables)
    assert (told.returncode, told.stderr) == (1, "a reason\n")
    killed = done("import os; os.kill(os.getpid(), 9)", env=variables)
    assert killed.returncode == -signal.SIGKILL


def test_what_it_took_is_noted(variables: dict[str, str], tmp_path: Path) -> None:
    usage = tmp_path / "usage"
    code = "import time\nwhile time.process_time() < 0.5: pass"
    assert done(code, env={**variables, warm.USAGE_VARIABLE: str(usage)}).returncode == 0
    took = json.loads(usage.read_text())
    assert 0.4 < took["core_seconds"] < 2.0 and took["memory_mib"] > 50


def test_it_ends_when_whoever_asked_is_killed(variables: dict[str, str], tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(300)"
    asking = subprocess.Popen(command(code, str(noted)), env=variables)
    pid = int(awaited(lambda: noted.is_file() and noted.read_text()))
    asking.kill()
    asking.wait()
    awaited(lambda: gone(pid))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_program(variables: dict[str, str], how: signal.Signals, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    # What a handler raises while a file closes itself is lost: the sign is made in one call.
    code = (
        "import os, signal, sys, time\n"
        "def told(number, frame): print('told', number); sys.exit(5)\n"
        f"signal.signal({int(how)}, told); os.mkdir({str(ready)!r})\n"
        "while True: time.sleep(0.1)"
    )
    asking = subprocess.Popen(command(code), env=variables, stdout=subprocess.PIPE, text=True)
    awaited(ready.exists)
    asking.send_signal(how)
    assert asking.communicate(timeout=240)[0] == f"told {int(how)}\n"
    assert asking.returncode == 5


@pytest.fixture
def handlers() -> Iterator[None]:
    """What this process does with signals is afterwards what it was."""
    before = {number: signal.getsignal(number) for number in warm._HANDED_ON}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_signal_that_comes_before_the_waiting_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    server, asked = socket.socketpair()
    select = warm.select.select
    numbers = iter([signal.SIGTERM, signal.SIGINT])

    def late(*files: object) -> object:
        if number := next(numbers, None):
            os.kill(os.getpid(), number)
        else:
            server.sendall(b"7")
        return select(*files)  # type: ignore[arg-type]

    monkeypatch.setattr(warm.select, "select", late)
    with server, asked:
        assert warm._answer(asked) == b"7"
        assert server.recv(64) == bytes([signal.SIGTERM, signal.SIGINT])


@pytest.mark.usefixtures("handlers")
def test_a_signal_to_a_program_that_has_just_ended_loses_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    server, asked = socket.socketpair()
    select = warm.select.select

    def late(*files: object) -> object:
        if server.fileno() < 0:
            return select(*files)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)
        ready = select(*files)  # type: ignore[arg-type]
        server.sendall(b"7")
        server.close()
        return ready

    monkeypatch.setattr(warm.select, "select", late)
    with asked:
        assert warm._answer(asked) == b"7"


def test_the_server_and_its_programs_end_with_the_process_that_started_it(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    code = f"import os, time; open({str(noted)!r}, 'w').write(f'{{os.getpid()}} {{os.getppid()}}'); time.sleep(300)"
    program = (
        "import os, subprocess; from igsed_core.base import children, warm\n"
        "inner = children.environment()\n"
        "with warm.server(inner) as further:\n"
        f"    subprocess.run({command(code)!r}, env={{**inner, **dict.fromkeys(warm.THREADS, '1'), **further}})\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], start_new_session=True)
    pids = [int(word) for word in awaited(lambda: noted.is_file() and noted.read_text()).split()]
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    for pid in pids:
        awaited(lambda pid=pid: gone(pid))  # type: ignore[misc]


def test_a_server_that_is_not_needed_ends_while_it_imports() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with warm.server(children.environment()) as further:
        assert further
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server was waited for
    assert after.ru_utime - before.ru_utime < 1.0  # the imports take more


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def awaited(condition: object, limit: float = 240.0) -> str:
    end = time.monotonic() + limit
    while not (found := condition()):  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.1)
    return str(found)

"""Programs started with their libraries imported: a server forks them, so that a notebook of seconds starts in less.

Importing PyTorch, SciPy, pandas, Matplotlib and IPython takes seconds of processor time, for each notebook of a run. A
run starts one server, which imports them once. Whoever wants a program asks it (:func:`asking`): a small process hands
over the command, variables, working folder and open files; the server forks, and the fork runs the command.

- Only libraries are imported beforehand and nothing of this package, whose files may be edited during a run.
- A program that has other variables than the server where a library reads them as it is imported (threads, a search
  path) starts by itself, as does every program where there is no server (``IGSED_WARM=off`` starts none).
- A fork ends with the process that asked for it, and the server with the run that started it.

This file is run by its path and needs the standard library alone: the process that asks must start in no time.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

VARIABLE = "IGSED_WARM"  # the server's address
USAGE_VARIABLE = "IGSED_USAGE"  # file to which the server adds what a program took, a line of JSON each
LIBRARIES = (
    *("tqdm.auto", "numpy", "torch", "scipy.signal", "scipy.stats", "scipy.ndimage", "pandas", "matplotlib.pyplot"),
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "IPython", "papermill", "soundfile", "yaml", "safetensors.numpy"),
)
# Snakemake sets these for every job.
THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR"))
_READ_AT_IMPORT = (
    *("OMP_", "GOTO_", "OPENBLAS_", "MKL_", "NUMEXPR_", "KMP_", "GOMP_", "BLIS_", "ATEN_", "TORCH", "PYTORCH", "CUDA"),
    *("PYTHON", "LD_", "LC_", "LANG", "TZ", "MPLCONFIGDIR", "MALLOC_", "SCIPY_", "NPY_"),
)
_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 120.0  # s that the imports may take


def asking(command: Sequence[str]) -> list[str]:
    """Return the command that has ``python [options] -c code ...`` run by the server, by itself where there is none."""
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), *command]


@contextlib.contextmanager
def server(variables: Mapping[str, str], threads: int = 1) -> Iterator[dict[str, str]]:
    """Start a server for the length of a block; yield the variable by which programs find it.

    Nothing is started where there is one already, or where forking is not safe (anywhere but on Linux).

    Parameters
    ----------
    variables
        The environment of the server; programs that it starts have their own.
    threads
        Of libraries, which read it as they are imported: programs with this number are forked.
    """
    if sys.platform != "linux" or os.environ.get(VARIABLE):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="igsed-warm-") as folder:
        address = os.path.join(folder, "socket")
        reading, writing = os.pipe()  # the system closes it when this process ends, however it does
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen(64)  # whoever comes before the imports are done waits
            process = subprocess.Popen(
                [sys.executable, "-P", "-s", os.path.abspath(__file__), str(listening.fileno()), str(reading)],
                env={**variables, **dict.fromkeys(THREADS, str(threads))},
                pass_fds=(listening.fileno(), reading),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        os.close(reading)
        try:
            yield {VARIABLE: address}
        finally:
            os.close(writing)
            process.wait()


def ask(command: Sequence[str]) -> int | None:
    """Have the server run a command, with this process's variables, folder and open files.

    Returns
    -------
    int or None
        Its exit status, negative for a signal; None if there is no server, or it declines.
    """
    address = os.environ.get(VARIABLE)
    if not address or "-c" not in command:
        return None
    arguments = list(command[command.index("-c") :])
    request = {"arguments": arguments, "folder": os.getcwd(), "variables": dict(os.environ)}
    content = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as asked:
        try:
            asked.settimeout(_PATIENCE)
            asked.connect(address)
            socket.send_fds(asked, [len(content).to_bytes(8, "big")], [0, 1, 2])
            asked.sendall(content)
            if asked.recv(1) != b"y":
                return None
        except OSError:
            return None
        asked.settimeout(None)
        with contextlib.suppress(OSError):
            if told := _answer(asked):
                return int(told)
        return 1  # the server has gone, and with it what it had started


def _answer(asked: socket.socket) -> bytes:
    """Wait for the server's last word, and hand signals on: Jupyter interrupts the process that it started, this one.

    The system writes each signal's number where it is waited for, so that none is lost on the way into the waiting.
    """
    arrived, written = socket.socketpair()
    with arrived, written:
        written.setblocking(False)
        signal.set_wakeup_fd(written.fileno())
        for number in _HANDED_ON:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        while True:
            ready, _, _ = select.select([asked, arrived], [], [])
            if asked in ready:
                signal.set_wakeup_fd(-1)
                return asked.recv(16)
            with contextlib.suppress(OSError):  # it has just ended, and its last word is still to be read
                asked.sendall(arrived.recv(64))


class _Server:
    """Forks programs until the process that started it has ended."""

    def __init__(self, listening: socket.socket, parent: int) -> None:
        self.listening, self.parent = listening, parent
        self.woken, self.wake = socket.socketpair()
        self.selector = selectors.DefaultSelector()
        self.running: dict[int, tuple[socket.socket, str]] = {}
        self.decisive = _decisive(os.environ)

    def serve(self) -> NoReturn:
        """Answer until the parent has gone, then end this process."""
        self.wake.setblocking(False)
        signal.set_wakeup_fd(self.wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for one in (self.listening, self.parent, self.woken):
            self.selector.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listening:
                    self.answer()
                elif key.fileobj is self.woken:
                    self.woken.recv(4096)
                    self.reap()
                elif key.fileobj == self.parent:
                    for pid in self.running:
                        _kill(pid)
                    os._exit(0)  # at once: what an interpreter does at its end takes a while
                elif key.data in self.running:
                    self.heed(key.data)

    def heed(self, pid: int) -> None:
        """Hand a signal on to a program, or end it where whoever asked has gone."""
        asked, _ = self.running[pid]
        numbers = b""
        with contextlib.suppress(OSError):
            numbers = asked.recv(64)
        if not numbers:
            self.selector.unregister(asked)
            _kill(pid)
        for number in numbers:
            with contextlib.suppress(OSError):
                os.kill(pid, number)

    def answer(self) -> None:
        """Read a request, and fork for it unless it is declined."""
        asked, _ = self.listening.accept()
        files: list[int] = []
        request: dict[str, Any] = {}
        try:
            asked.settimeout(10.0)
            head, files, _, _ = socket.recv_fds(asked, 8, 3)
            content = b""
            while len(content) < int.from_bytes(head, "big") and (part := asked.recv(1 << 16)):
                content += part
            request = json.loads(content)
            good = len(files) == 3 and _decisive(request["variables"]) == self.decisive
            asked.sendall(b"y" if good else b"n")
            asked.settimeout(None)
        except (OSError, ValueError, KeyError):
            good = False
        if good and (pid := os.fork()) == 0:
            self.become(request, files, asked)
        for one in files:
            os.close(one)
        if not good:
            asked.close()
            return
        self.running[pid] = asked, str(request["variables"].get(USAGE_VARIABLE, ""))
        self.selector.register(asked, selectors.EVENT_READ, pid)

    def reap(self) -> None:
        """Tell those whose program has ended, and note what it took."""
        for pid in list(self.running):
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if not ended:
                continue
            asked, usage = self.running.pop(pid)
            if usage:
                took = {"core_seconds": used.ru_utime + used.ru_stime, "memory_mib": used.ru_maxrss / 1024}
                with contextlib.suppress(OSError), open(usage, "a", encoding="utf-8") as stream:
                    stream.write(json.dumps(took) + "\n")
            with contextlib.suppress(KeyError):
                self.selector.unregister(asked)
            with contextlib.suppress(OSError):
                asked.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            asked.close()

    def become(self, request: dict[str, Any], files: Sequence[int], asked: socket.socket) -> None:
        """Turn a fork into the program that was asked for; it does not return."""
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self.selector.close()
        for one in (self.listening, self.woken, self.wake, asked, *(other for other, _ in self.running.values())):
            one.close()
        os.close(self.parent)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os._exit(_run(request))


def _run(request: dict[str, Any]) -> int:
    """Run the code of a request as the interpreter would; return the exit status."""
    import atexit
    import threading
    import traceback

    status = 1
    try:
        os.environ.clear()
        os.environ.update(request["variables"])
        os.chdir(request["folder"])
        code, *arguments = request["arguments"][1:]
        sys.argv = ["-c", *arguments]
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()  # no two programs draw the same by accident
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = main
        exec(compile(code, "<string>", "exec"), main.__dict__)
        status = 0
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    return status & 0xFF


def _decisive(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_READ_AT_IMPORT)}


def _kill(pid: int) -> None:
    """End a fork with all that it has started in its session."""
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(pid, signal.SIGKILL)


def _import_libraries(parent: int) -> None:
    """Import; end at once where the process that started this one has gone meanwhile."""
    import importlib
    import threading

    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if select.select([parent], [], [], 0.1)[0]:
                os._exit(0)

    watching = threading.Thread(target=watch)
    watching.start()
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # a kernel sets it before it imports
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    done.set()
    watching.join()  # a process with threads is not to be forked


def main(arguments: list[str]) -> int:
    """Be the server (the numbers of two open files), or ask it to run a command."""
    if arguments[0].isdigit():
        _import_libraries(int(arguments[1]))
        _Server(socket.socket(fileno=int(arguments[0])), int(arguments[1])).serve()
    status = ask(arguments[1:])
    if status is None:
        os.execv(arguments[0], arguments)
    if status < 0:
        with contextlib.suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

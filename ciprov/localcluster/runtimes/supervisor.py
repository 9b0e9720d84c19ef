"""The parent of one task: starts it, ends its whole process tree, and writes down what became of it.

Run as a script of its own, `python -I -S supervisor.py <papers>`, so that the task outlives the daemon that asked for
it. Nothing is imported that start-up does not need, and nothing of ciprov. `<papers>` is a private directory with the
file `spec`, which is read and unlinked at once; an unlinked file that is gone already means that the launch was
withdrawn. SIGTERM asks to end the task; a file `grace` then says how many seconds it may take.

Being a child subreaper, the supervisor inherits every descendant of the task, daemonised ones too: none is left once
`waitpid` knows no child. Only then the exit is written, so that the task's ports are really free.
"""

import _thread
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_SLAVE = 0x2, 0x4, 0x1000, 0x4000, 0x80000
SPEC_FD = 3
WAKING = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
RESET = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)
KILL_AGAIN_SECONDS = 0.02
KILL_AGAIN_AT_MOST = 1.0
SCANS_AT_MOST = 5
COPY_SECONDS = 2.0
"""So long the last output is waited for once all processes that wrote to the terminal have ended."""

libc = ctypes.CDLL(None, use_errno=True)
prctl, unshare, mount = libc.prctl, libc.unshare, libc.mount
mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)


def take_spec(papers: str) -> "list[tuple[str, bytes]]":
    """The pairs of the specification, which only this process can read from now on."""
    try:
        descriptor = os.open(f"{papers}/spec", os.O_RDONLY)
        os.unlink(f"{papers}/spec")  # noqa: PTH108 - pathlib would double the start-up time
    except FileNotFoundError:
        sys.exit(0)
    if descriptor != SPEC_FD:
        os.dup2(descriptor, SPEC_FD, inheritable=False)
        os.close(descriptor)
    content = os.pread(SPEC_FD, os.fstat(SPEC_FD).st_size, 0)
    fields = content.split(b"\0")
    return [(key.decode(), value) for key, value in zip(fields[::2], fields[1::2], strict=False)]


def stat_fields(pid: int) -> "list[bytes]":
    """The fields of `/proc/<pid>/stat` from the state on; empty where the process is gone."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        content = os.read(descriptor, 2048)
    except OSError:
        return []
    finally:
        os.close(descriptor)
    return content[content.rindex(b")") + 2 :].split()


def start_time(pid: int) -> int:
    fields = stat_fields(pid)
    return int(fields[19]) if fields else 0


def boot_id() -> str:
    try:
        descriptor = os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 64).decode().strip()
    finally:
        os.close(descriptor)


def children_of(pid: int) -> "list[int]":
    """Raises FileNotFoundError for a process that is gone, and where the kernel tells nobody's children."""
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - as above
        descriptor = os.open(f"/proc/{pid}/task/{thread}/children", os.O_RDONLY)
        content = b""
        while piece := os.read(descriptor, 65536):
            content += piece
        os.close(descriptor)
        found += [int(child) for child in content.split()]
    return found


def descendants() -> "list[int]":
    """All processes below this one, parents before children.

    Asked of them alone, for when a thousand tasks end at once nobody can look at all processes of the machine. Some may
    be missed while others come and go: whoever asks does so again until nobody is left.
    """
    try:
        found = children_of(os.getpid())
    except OSError:
        return descendants_by_parents()
    for pid in found:
        try:
            found += children_of(pid)
        except OSError:
            continue
    return found


def descendants_by_parents() -> "list[int]":
    """The same from the parent of every process of this machine."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - as above
        if name.isdigit():
            fields = stat_fields(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def send(pids: "list[int]", *numbers: int) -> None:
    for pid in pids:
        for number in numbers:
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                break


def ask_all_to_end() -> None:
    """SIGTERM to every descendant, once. Looked at again, because some may have been forked while others were told."""
    told: set[int] = set()
    for _ in range(SCANS_AT_MOST):
        new = [pid for pid in descendants() if pid not in told]
        if not new:
            return
        # Continued as well, for a stopped process would not see the request.
        send(new, signal.SIGTERM, signal.SIGCONT)
        told.update(new)


class Task:
    def __init__(self, papers: str, pairs: "list[tuple[str, bytes]]") -> None:
        self.papers = papers
        self.values = dict(pairs)
        self.argv = [value for key, value in pairs if key == "arg"]
        self.environment = dict(value.split(b"=", 1) for key, value in pairs if key == "env")
        self.shown = [value for key, value in pairs if key == "shown"]
        self.groups = [int(value) for key, value in pairs if key == "group"]
        self.grace = float(self.values["grace"])
        self.pid = 0
        self.status: int | None = None
        self.kill_asked = False
        self.identity = ""
        self.terminal: tuple[int, int] | None = None
        self.copying = _thread.allocate_lock()

    def start(self) -> None:
        supervisor = os.getpid()
        if "tty" in self.values:
            self.terminal = os.openpty()
        self.pid = os.fork()
        if self.pid == 0:
            self.become(supervisor)
        if self.terminal is not None:
            os.close(self.terminal[1])
            self.copying.acquire()
            _thread.start_new_thread(self.copy, (self.terminal[0],))
        self.identity = (
            f'"boot_id": "{boot_id()}", "supervisor": {supervisor}, "supervisor_start": {start_time(supervisor)}, '
            f'"task": {self.pid}, "task_start": {start_time(self.pid)}'
        )
        self.write_status("")

    def copy(self, master: int) -> None:
        """What the task writes to its terminal goes into `stdout`, until nobody has that terminal any more."""
        out = os.open("stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            while piece := os.read(master, 65536):
                while piece:
                    piece = piece[os.write(out, piece) :]
        except OSError:
            return
        finally:
            self.copying.release()

    def enter_terminal(self, terminal: int) -> None:
        import fcntl
        import termios

        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for descriptor in (0, 1, 2):
            os.dup2(terminal, descriptor)

    def see_only_shown(self) -> None:
        """In place of a directory that its user may not pass, the task alone sees one with nothing but its own below.

        So it finds its sandbox by its path, nobody gets into any other, and no mode of any directory is changed.
        """
        own = []
        possible = not unshare(CLONE_NEWNS) and not mount(b"none", b"/", None, MS_REC | MS_SLAVE, None)
        if possible:
            own = [(path, os.open(path, os.O_PATH)) for path in self.shown]
            options = b"mode=755,size=1m"
            possible = not mount(b"none", self.values["hidden"], b"tmpfs", MS_NOSUID | MS_NODEV, options)
        if not possible:
            reason = os.strerror(ctypes.get_errno())
            os.write(2, f"The sandbox can be reached as the working directory only: {reason}\n".encode())
            return
        os.umask(0o022)
        for path, descriptor in own:
            os.makedirs(path)  # noqa: PTH103 - as above
            if mount(b"/proc/self/fd/%d" % descriptor, path, None, MS_BIND, None):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            os.close(descriptor)
        os.chdir(self.values["cwd"])

    def become(self, supervisor: int) -> None:
        """In the child: become the task, or say in its stderr why not. Never returns."""
        try:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != supervisor:
                os._exit(127)
            os.setsid()
            if self.terminal is not None:
                self.enter_terminal(self.terminal[1])
            else:
                os.dup2(os.open("stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 1)
            if "hidden" in self.values:
                self.see_only_shown()
            if "uid" in self.values:
                for descriptor in (1, 2):  # or it could not open /dev/stdout
                    os.fchown(descriptor, int(self.values["uid"]), -1)
                os.setgroups(self.groups)
                os.setgid(int(self.values["gid"]))
                os.setuid(int(self.values["uid"]))
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # changing the user has cleared it
            os.umask(0o022)
            for number in RESET:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.execvpe(self.argv[0], self.argv, self.environment)  # noqa: S606
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) else error
            os.write(2, f"Failed to execute {self.argv[0].decode(errors='replace')}: {reason}\n".encode())
        finally:
            os._exit(127)

    def write_status(self, more: str) -> None:
        temporary = f"{self.papers}/status.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.write(descriptor, f"{{{self.identity}{more}}}".encode())
        os.close(descriptor)
        os.rename(temporary, f"{self.papers}/status.json")  # noqa: PTH104 - as above

    def write_exit(self) -> None:
        assert self.status is not None
        key = "exit_signal" if os.WIFSIGNALED(self.status) else "exit_code"
        value = os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else os.WEXITSTATUS(self.status)
        self.write_status(f', "killed": {"true" if self.kill_asked else "false"}, "{key}": {value}')

    def reap(self) -> bool:
        """Take note of all that ended; True once no descendant is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.status = status

    def asked_grace(self) -> float:
        try:
            with open(f"{self.papers}/grace") as file:  # noqa: PTH123 - as above
                return float(file.read())
        except (OSError, ValueError):
            return self.grace

    def supervise(self) -> None:
        """Until the whole tree is gone: wait; asked to, end it kindly, then by force; force too once the task ended."""
        deadline: float | None = None
        again = KILL_AGAIN_SECONDS
        while not self.reap():
            now = time.monotonic()
            force = self.status is not None if deadline is None else now >= deadline
            if force:
                send(descendants(), signal.SIGKILL)
                received = signal.sigtimedwait(WAKING, again)
                again = min(again * 2, KILL_AGAIN_AT_MOST)
            elif deadline is not None:
                received = signal.sigtimedwait(WAKING, deadline - now)
            else:
                received = signal.sigwaitinfo(WAKING)
            if received is not None and received.si_signo != signal.SIGCHLD:
                if not self.kill_asked:
                    ask_all_to_end()
                self.kill_asked = True
                end = time.monotonic() + self.asked_grace()
                deadline = end if deadline is None else min(end, deadline)


def main() -> None:
    papers = sys.argv[1]
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKING)
    os.setsid()
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_NAME, b"ciprov-task", 0, 0, 0)
    task = Task(papers, take_spec(papers))
    os.chdir(task.values["cwd"])
    task.start()
    try:  # noqa: SIM105 - contextlib would cost start-up time
        os.write(1, b"R")
    except OSError:
        pass  # the daemon is gone: the next one finds the status
    os.dup2(0, 1)
    task.supervise()
    if task.terminal is not None:
        task.copying.acquire(timeout=COPY_SECONDS)
    task.write_exit()


if __name__ == "__main__":
    main()

"""The parent of one command that runs beside a task: starts it, and ends its whole process tree.

Run as `python -I -S session_keeper.py <specification> <control> <task>`: three inherited file descriptors, see
`sessions.py`. The keeper ends the tree when the other end of the control socket is closed, so a daemon that dies takes
its sessions with it; when the task's supervisor is gone; and when the command itself has ended. To the socket it
writes the command's wait status, a decimal line; from it it reads signals to pass on, a decimal line each.

Being a child subreaper it inherits every descendant, daemonised ones too. Nothing of ciprov is imported.
"""

import ctypes
import fcntl
import os
import selectors
import signal
import sys
import termios

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
RESET = (*IGNORED, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD)

libc = ctypes.CDLL(None, use_errno=True)
prctl = libc.prctl


def read_all(descriptor: int) -> bytes:
    content = b""
    while piece := os.read(descriptor, 65536):
        content += piece
    os.close(descriptor)
    return content


def descendants() -> "list[int]":
    """All processes below this one that are no zombies."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start-up time
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - as above
                content = file.read()
        except OSError:
            continue
        fields = content[content.rindex(b")") + 2 :].split()
        children.setdefault(int(fields[1]), []).append(int(name))
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def send(pids: "list[int]", number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def become(values: "dict[str, bytes]", pairs: "list[tuple[str, bytes]]", keeper: int) -> None:
    """In the child: become the command, or say in its stderr why not. Never returns."""
    argv = [value for key, value in pairs if key == "arg"]
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(127)
        os.setsid()
        if "tty" in values:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        if "beside" in values:
            # The task may see a file system of its own.
            descriptor = os.open(b"/proc/%s/ns/mnt" % values["beside"], os.O_RDONLY)
            if libc.setns(descriptor, CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            os.close(descriptor)
        if "uid" in values:
            os.setgroups([int(value) for key, value in pairs if key == "group"])
            os.setgid(int(values["gid"]))
            os.setuid(int(values["uid"]))
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # changing the user has cleared it
        os.chdir(values["cwd"])
        os.umask(0o022)
        for number in RESET:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        environment = dict(value.split(b"=", 1) for key, value in pairs if key == "env")
        os.execvpe(argv[0], argv, environment)  # noqa: S606
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else error
        os.write(2, f"Failed to execute {argv[0].decode(errors='replace')}: {reason}\n".encode())
    finally:
        os._exit(127)


class Keeper:
    def __init__(self, command: int, control: int) -> None:
        self.command = command
        self.control = control
        self.ending = False
        self.pending = b""

    def reap(self) -> bool:
        """Take note of all that ended; True once no descendant is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.command:
                self.ending = True
                self.report(status)

    def report(self, status: int) -> None:
        try:
            os.write(self.control, f"{status}\n".encode())
        except OSError:
            self.ending = True

    def hear(self) -> None:
        try:
            more = os.read(self.control, 4096)
        except OSError:
            more = b""
        if not more:
            self.ending = True
        *lines, self.pending = (self.pending + more).split(b"\n")
        for line in lines:
            send(descendants(), int(line))

    def keep(self, selector: selectors.BaseSelector) -> None:
        while not self.reap():
            if self.ending:
                send(descendants(), signal.SIGKILL)
            for key, _ in selector.select(0.02 if self.ending else None):
                if key.data == "child":
                    os.read(key.fd, 4096)
                    continue
                if key.data == "control":
                    self.hear()
                else:
                    self.ending = True
                if self.ending:
                    selector.unregister(key.fd)


def main() -> None:
    specification, control, task = map(int, sys.argv[1:4])
    for descriptor in (control, task):
        os.set_inheritable(descriptor, False)
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    prctl(PR_SET_NAME, b"ciprov-session", 0, 0, 0)
    fields = read_all(specification).split(b"\0")
    pairs = [(key.decode(), value) for key, value in zip(fields[::2], fields[1::2], strict=False)]
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    selector = selectors.DefaultSelector()
    for descriptor, meaning in ((wake, "child"), (control, "control"), (task, "task")):
        selector.register(descriptor, selectors.EVENT_READ, meaning)
    keeper = os.getpid()
    command = os.fork()
    if command == 0:
        become(dict(pairs), pairs, keeper)
    # The command alone holds the streams, so that they end with it.
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    Keeper(command, control).keep(selector)


if __name__ == "__main__":
    main()

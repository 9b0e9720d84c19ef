"""The few variables that every task gets beside its own: nothing else of the daemon's environment leaks into tasks."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping

from ciprov.localcluster.runtimes.spec import Account

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class UnknownUser(ValueError):
    """The app names a user that does not exist here, or that the daemon may not become."""


def base_environment(inherited: Mapping[str, str], entry: pwd.struct_passwd | None) -> dict[str, str]:
    """PATH, HOME, LANG, USER, LOGNAME and TZ, of the account `entry` where it is known."""
    base = {"PATH": inherited.get("PATH") or DEFAULT_PATH}
    home = entry.pw_dir if entry else inherited.get("HOME")
    user = entry.pw_name if entry else inherited.get("USER") or inherited.get("LOGNAME")
    wanted = {"HOME": home, "USER": user, "LOGNAME": user, "LANG": inherited.get("LANG"), "TZ": inherited.get("TZ")}
    return base | {name: value for name, value in wanted.items() if value}


def account_entry(user: str | None) -> pwd.struct_passwd | None:
    """The account of `user`, or the daemon's own, which may be missing from the machine's list."""
    try:
        return pwd.getpwnam(user) if user else pwd.getpwuid(os.getuid())
    except KeyError:
        if user:
            raise UnknownUser(f"user '{user}' does not exist on this machine") from None
        return None


def account_for(user: str | None) -> Account | None:
    """What a task must change to in order to run as `user`; None where it is the daemon's own account."""
    entry = account_entry(user)
    if not user or entry is None or entry.pw_uid == os.getuid():
        return None
    if os.getuid() != 0:
        raise UnknownUser(f"cannot run as user '{user}': the embedded cluster runs as another user and is not root")
    return Account(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))

"""Names of environments: a branch name becomes a slug that is safe in Marathon ids, DNS labels and file names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from ciprov.foundation.errors import CiprovError, UsageError

LIMIT = 32
"""Longest slug: it leaves room in a DNS label (63) for the app's name and the prefix."""

_HASH_LENGTH = 7
_RESERVED = frozenset({"restart", "tasks", "versions"})


class NameCollision(CiprovError):
    """Two different names were cut to one slug."""


def slug(given: str) -> str:
    """The environment's name made from `given`, usually a branch name: lower-case letters, digits, inner dashes.

    A name that is too long is cut and ends in a short hash of the whole, so that different branches stay different.
    Raises `UsageError` where nothing usable is left or where Marathon reserves the word.
    """
    folded = unicodedata.normalize("NFKD", given.strip().casefold()).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")
    if not name:
        raise UsageError(
            f"{given!r} is no usable environment name",
            way_out="use a name with at least one letter or digit, for example the branch: feature/ABC-12",
        )
    if name in _RESERVED:
        raise UsageError(
            f"the environment name {name!r} is a reserved word in Marathon's paths",
            way_out=f"use another name, for example {name}-1",
        )
    if len(name) > LIMIT:
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
        name = f"{name[: LIMIT - _HASH_LENGTH - 1].rstrip('-')}-{digest}"
    return name


def same_environment(given: str, recorded_given: str) -> bool:
    """Whether `given` means the environment that was made from `recorded_given`: the same name, or its slug itself.

    `recorded_given` is what the record keeps in `given_name`; empty means the slug was given.
    """
    return slug(given) == slug(recorded_given or given) and given.strip() in {
        recorded_given.strip(),
        slug(given),
    }


def refuse_collision(given: str, recorded_given: str) -> None:
    """Raise `NameCollision` where `given` has the slug of an environment that was made from another name."""
    if not same_environment(given, recorded_given):
        raise NameCollision(
            f"{given!r} and {recorded_given!r} both shorten to the environment name {slug(given)!r}, "
            f"which stands for {recorded_given!r}",
            way_out=f"give another name, or use {slug(given)!r} if you mean that environment",
        )


def group_path(prefix: str, name: str) -> str:
    """The absolute Marathon group of environment `name` below the cluster's path prefix: `/ciprov` → `/ciprov/x`."""
    inner = prefix.strip("/")
    return f"/{inner}/{name}" if inner else f"/{name}"

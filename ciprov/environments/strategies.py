"""How a changed app that holds fixed host ports is replaced."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """Both end the old tasks, wait until the ports are free, and then put the new definition."""

    SCALE_TO_ZERO = "scale-to-zero"
    DELETE_CREATE = "delete-create"

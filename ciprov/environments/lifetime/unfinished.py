"""Whether an operation on an environment was cut short. Pure."""

from __future__ import annotations

from ciprov.domain.environment import EnvironmentRecord, Phase


def cut_short(record: EnvironmentRecord) -> str:
    """The operation that began and did not end; empty where there is none.

    To be asked while nobody holds the environment's lock: else it is merely under way.
    """
    if record.operation is not None:
        return record.operation.name
    if record.phase is Phase.REMOVING:
        return "down"
    # An `up` that does not wait leaves these phases too, but no counts that are still to be reached.
    return "up" if record.phase in (Phase.CREATING, Phase.UPDATING) and record.pending_counts else ""

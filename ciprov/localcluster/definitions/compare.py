"""How two definitions of one app differ, as Marathon decides it: tasks are replaced, only counted, or left alone."""

from __future__ import annotations

from ciprov.localcluster.definitions.app import App, VersionInfo

_NO_INFO = VersionInfo()


def _essence(app: App, *, instances: int = 0) -> App:
    return app.model_copy(
        update={
            "version": "",
            "version_info": _NO_INFO,
            "instances": instances,
            # These are sets in Marathon: their order means nothing.
            "constraints": tuple(sorted(app.constraints)),
            "dependencies": tuple(sorted(app.dependencies)),
            "health_checks": tuple(sorted(app.health_checks, key=repr)),
        }
    )


def same_definition(old: App, new: App) -> bool:
    """Equal but for instances, version and versionInfo."""
    return old is new or _essence(old) == _essence(new)


def only_scaled(old: App, new: App) -> bool:
    """Whether nothing but the number of instances changes."""
    return old.instances != new.instances and same_definition(old, new)

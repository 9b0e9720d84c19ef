"""What can be wrong with a store."""

from __future__ import annotations

from ciprov.foundation.errors import CiprovError


class StoreError(CiprovError):
    """The store cannot be used. `place` is its file or address."""

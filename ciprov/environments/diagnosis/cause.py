"""One cause of a failure, and how it is told."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ciprov.environments.diagnosis.kinds import WAYS_OUT, Kind
from ciprov.foundation.json import JsonObject

_HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Cause:
    """`text` is one line that names the cause, `evidence` what it was read from, line by line.

    `advice` is the way out where that of the kind does not do.
    """

    kind: Kind
    text: str
    evidence: tuple[str, ...] = ()
    advice: str = ""

    @property
    def way_out(self) -> str:
        return self.advice or WAYS_OUT[self.kind]

    def __str__(self) -> str:
        return f"{self.text} [{self.kind}]"

    def to_json(self) -> JsonObject:
        return {
            "kind": self.kind.value,
            "cause": self.text,
            "evidence": list(self.evidence),
            "way_out": self.way_out,
        }

    def without(self, secrets: Collection[str]) -> Cause:
        """With every secret in it hidden."""
        return replace(
            self,
            text=hidden(self.text, secrets),
            evidence=tuple(hidden(line, secrets) for line in self.evidence),
            advice=hidden(self.advice, secrets),
        )


def deployment_stuck(reason: str) -> Cause:
    """Of a deployment that ended, or goes on, without its apps being as it was to make them."""
    return Cause(Kind.DEPLOYMENT_STUCK, reason)


def hidden(text: str, secrets: Collection[str]) -> str:
    """`text` with every secret in it replaced, longer ones first, as one may be part of another."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text

"""Which form of an answer a request would rather have, by its Accept header. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def best(accepted: str, offered: Sequence[str]) -> str | None:
    """The media type among `offered` that suits `accepted` best, the first one of equals; None where none does."""
    wanted = [_range(part) for part in accepted.split(",") if part.strip()] or [("*/*", 1.0)]
    quality, place = max((_quality(media_type, wanted), -place) for place, media_type in enumerate(offered))
    return offered[-place] if quality > 0 else None


def _range(text: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_range, float(quality)
    except ValueError:
        return media_range, 1.0


def _quality(media_type: str, wanted: Sequence[tuple[str, float]]) -> float:
    """That of the most exact range that covers it."""
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        for media_range, quality in wanted:
            if media_range == pattern:
                return quality
    return 0.0

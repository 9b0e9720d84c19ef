"""From jenkins-job-builder's positions and exceptions to places and findings."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ciprov.domain.jobs import JobFinding, Place

BRACES = "give it a value, or double the braces where it is meant for the job: {{name}}"


def place_of(position: Any, otherwise: Place) -> Place:
    """`position` is one of jenkins-job-builder's, whose lines and columns count from 0, or None."""
    if position is None:
        return otherwise
    file = str(position.path)
    if file.startswith("<"):  # the text that a template gave
        return otherwise
    return Place(_shown(file), position.line + 1, position.column + 1)


def finding_of(error: Any, otherwise: Place) -> JobFinding:
    """Of a `JenkinsJobsException`: where it was found, and by what way it was reached where that is elsewhere."""
    twice = next((context for context in error.ctx if context.message.startswith("Duplicate ")), None)
    if twice is not None:
        first = place_of(error.pos, otherwise)
        message = (
            f"{twice.message.removeprefix('Duplicate ').replace(': ', ' ', 1)} is defined already: first at {first}"
        )
        elsewhere = "; if it is in another folder, name it with that: FOLDER/NAME" if message.startswith("job ") else ""
        return JobFinding(place_of(twice.pos, otherwise), message, f"rename one of them{elsewhere}")
    places = [place_of(context.pos, otherwise) for context in reversed(error.ctx) if context.pos is not None]
    place = place_of(error.pos, places[0] if places else otherwise)
    message = " ".join(str(error.message).split())
    outer = [each for each in places if each.file != place.file]
    by = f" (used at {outer[0]})" if outer else ""
    way_out = BRACES if "While formatting string" in message else ""
    return JobFinding(place, f"{message}{by}", way_out)


def nearest(word: str, known: Any, cutoff: float = 0.75) -> str:
    """The known word that `word` most likely is a slip of; empty where none is near. Dashes and case do not count.

    `cutoff` is the share of letters that must agree.
    """
    bare = {_bare(str(each)): str(each) for each in sorted(map(str, known), reverse=True)}
    match = get_close_matches(_bare(word), list(bare), n=1, cutoff=cutoff)
    return bare[match[0]] if match else ""


def did_you_mean(word: str, known: Any, some: str = "") -> str:
    near = nearest(word, known, 0.6)
    if near:
        return f"did you mean {near}?"
    if not some:
        return ""
    words = sorted(map(str, known))
    return f"{some} {', '.join(words[:15])}{', …' if len(words) > 15 else ''}" if words else ""


def _bare(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")


def _shown(file: str) -> str:
    """As the user would name it from here."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else file
    except ValueError:
        return file

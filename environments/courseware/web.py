"""The web front. Its page draws every lesson anew through the media service and compares the picture with what the
worker had stored in the catalogue, so a complete page proves the whole chain: web, api, catalogue, worker and media.
"""

from __future__ import annotations

import html
import os
from typing import Any
from urllib.parse import quote

from service import Answer, call, ready_once, serve

API, MEDIA = f"http://{os.environ['API']}", f"http://{os.environ['MEDIA']}"
TITLE, ENVIRONMENT = os.environ.get("TITLE", "Courseware"), os.environ.get("ENVIRONMENT", "")

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui;margin:3rem auto;max-width:44rem}}td{{padding:.2rem 1rem .2rem 0}}
img{{vertical-align:middle}}</style></head><body><h1>{title}</h1>
<p>Environment <b>{environment}</b>: {verified} of {total} lessons verified through catalogue, API, worker, media.</p>
<table>{rows}</table></body></html>
"""


def page(_query: dict[str, str], _body: Any) -> Answer:
    rows, verified = [], 0
    found = call(f"{API}/lessons")
    for lesson in found:
        drawn = call(f"{MEDIA}/render?title={quote(lesson['title'])}")
        same = drawn["digest"] == lesson["digest"]
        verified += same
        rows.append(
            f"<tr><td>{html.escape(lesson['course'])}</td><td>{html.escape(lesson['title'])}</td>"
            f'<td><img alt="waveform" src="data:image/png;base64,{drawn["png"]}"></td>'
            f"<td>{'verified' if same else 'not rendered yet'}</td></tr>"
        )
    text = PAGE.format(
        title=html.escape(TITLE),
        environment=html.escape(ENVIRONMENT),
        verified=verified,
        total=len(found),
        rows="".join(rows),
    )
    return 200 if found and verified == len(found) else 503, "text/html; charset=utf-8", text.encode()


def whole_chain() -> None:
    status, _kind, _text = page({}, None)
    if status != 200:
        raise OSError("not every lesson is rendered yet")


serve("web", {("GET", "/"): page, ("GET", "/health"): ready_once(whole_chain)})

"""The worker: has every lesson that is not rendered yet rendered by the media service, and reports the result.

It listens on no port; its health check is the age of the file `alive`, touched after each round since the first that
worked: a service that is replaced behind it is no reason to kill the worker too.
"""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from urllib.parse import quote

from service import call

API, MEDIA = f"http://{os.environ['API']}", f"http://{os.environ['MEDIA']}"


def main() -> None:
    stopping, ready = threading.Event(), False
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        try:
            for lesson in call(f"{API}/pending"):
                result = call(f"{MEDIA}/render?title={quote(lesson['title'])}")
                call(f"{API}/rendered", {"lesson": lesson["id"], **result})
                print(f"rendered lesson {lesson['id']}, {result['seconds']} s", flush=True)
            ready = True
        except OSError as error:
            print(f"will try again: {error}", flush=True)
        if ready:
            Path("alive").touch()
        stopping.wait(0.5)


main()

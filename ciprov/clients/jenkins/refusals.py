"""From what Jenkins answered, or did not answer, to the error that the rooms know.

No body is ever told: it may be long, or hold what is secret.
"""

from __future__ import annotations

import html
import re

import requests

from ciprov.clients.connection import Connection
from ciprov.clients.no_answer import causes, innermost, never_sent
from ciprov.clients.tls_failures import TlsSettings, tls_failure
from ciprov.domain.jenkins import (
    JenkinsDenied,
    JenkinsError,
    JenkinsNotFound,
    JenkinsRestarting,
    JenkinsUnavailable,
    JenkinsUntrusted,
)

_TLS_SETTINGS = TlsSettings("Jenkins's", "url")
_STARTING = re.compile(r"Please wait while Jenkins|Jenkins is (re)?starting|getting ready to work", re.IGNORECASE)
_LOGIN = re.compile(r"/login\b|/securityRealm/|/oauth|/saml|/sso\b|/openid", re.IGNORECASE)
_MISSING = re.compile(r"is missing the ([\w /-]+?) permission")
_LATER = frozenset({408, 425, 429})
"""What balancers say of a server that is busy."""

_PERMISSION_CLASSES = {"hudson.model.Computer": "Agent", "hudson.model.Hudson": "Overall", "hudson.model.Item": "Job"}
_SETTINGS = "check Jenkins's url, user and API token in the settings (ciprov config show)"


_SPEAKS_TLS = "use https:// in Jenkins's `url` address"
_PLAIN_REFUSED = re.compile(r"plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server", re.IGNORECASE)
"""What servers of TLS say to whoever speaks without it, if they say anything."""


def where(method: str, url: str) -> str:
    """Method and address, without what was asked for."""
    return f"{method} {url.partition('?')[0]}"


def refusal(response: requests.Response, place: str, user: str = "") -> JenkinsError:
    """The error for a status of 400 and more. `user` is who asked; empty: nobody."""
    status = response.status_code
    said = html.unescape(response.headers.get("X-Error", "")).strip() or response.reason or "no reason given"
    if status == 401:
        return _unknown(response, place, user)
    if status == 403:
        return _forbidden(response, place, user)
    if status == 404:
        return JenkinsNotFound(f"Jenkins has nothing there: {said}", status=404, place=place)
    if status == 400 and _PLAIN_REFUSED.search(response.text[:20_000]):
        return JenkinsError("the server speaks TLS there", status=400, place=place, way_out=_SPEAKS_TLS)
    if status >= 500 or status in _LATER:
        return _unwell(response, said, place)
    return JenkinsError(f"Jenkins refused with {status}: {said}", status=status, place=place)


def has_stale_crumb(response: requests.Response) -> bool:
    """Whether it was refused before anything was done, for want of a crumb that is still good."""
    return response.status_code == 403 and "valid crumb" in response.text


def login_wanted(place: str, target: str) -> JenkinsDenied:
    return JenkinsDenied(
        f"Jenkins sends to a login page ({target.partition('?')[0]}) instead of answering",
        status=302,
        place=place,
        way_out=_SETTINGS,
    )


def elsewhere(place: str, target: str) -> JenkinsError:
    return JenkinsError(
        f"the server redirects to {target.partition('?')[0]}, to which credentials are not sent",
        status=302,
        place=place,
        way_out="if that is Jenkins, set its url to that address, path prefix included",
    )


def is_login(target: str, server: str) -> bool:
    """`server` is Jenkins's URL with a slash at its end. Below it nodes and jobs may be called as a login is."""
    if target.startswith(server):
        return _LOGIN.match(f"/{target.removeprefix(server)}") is not None
    return _LOGIN.search(target) is not None


def not_json(response: requests.Response, place: str) -> JenkinsError:
    """The error for a page where data should be."""
    page = response.text[:20_000]
    if _STARTING.search(page):
        return starting(place)
    if "j_spring_security_check" in page or 'name="j_password"' in page:
        return login_wanted(place, response.url)
    if "json" in response.headers.get("content-type", ""):
        return JenkinsUnavailable("the answer broke off", status=response.status_code, place=place)
    return no_jenkins(place, response.status_code)


def no_jenkins(place: str, status: int) -> JenkinsError:
    return JenkinsError(
        "it is no Jenkins that answers there",
        status=status,
        place=place,
        way_out="check the address; behind a proxy it may need a path prefix, as in https://ci.example/jenkins",
    )


def silence(error: Exception, place: str, connection: Connection) -> JenkinsError:
    """The error for no answer at all."""
    untrusted = tls_failure(list(causes(error)), _TLS_SETTINGS)
    if untrusted is not None:
        return JenkinsUntrusted(untrusted.message, place=place, way_out=untrusted.way_out)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return JenkinsError("no usable URL", place=place, way_out="correct Jenkins's url in the settings")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return JenkinsUnavailable(f"no answer within {connection.read_timeout:g} s", place=place)
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _unsent(f"no connection within {connection.connect_timeout:g} s", place)
    if never_sent(error):
        return _no_connection(error, place)
    way_out = f"{_SPEAKS_TLS} if it speaks TLS there" if connection.servers[0].startswith("http://") else ""
    return Broken(f"the connection broke: {innermost(error)}", place=place, way_out=way_out)


def _no_connection(error: Exception, place: str) -> JenkinsUnavailable:
    told = innermost(error)
    if "refused" in told:
        return starting(place, "nothing listens there: Jenkins is restarting, or it is stopped")
    return _unsent(f"no connection: {told}", place)


class Broken(JenkinsUnavailable):
    """The connection ended before the answer did."""


class _Unsent(JenkinsUnavailable):
    unsent = True


def _unsent(what: str, place: str) -> JenkinsUnavailable:
    return _Unsent(what, place=place, way_out="see whether Jenkins runs there and can be reached from here")


def starting(place: str, what: str = "Jenkins is starting up") -> JenkinsRestarting:
    return JenkinsRestarting(what, status=503, place=place, way_out="it is asked again until it answers")


def _unwell(response: requests.Response, said: str, place: str) -> JenkinsUnavailable:
    if response.status_code == 503 and _STARTING.search(response.text[:20_000]):
        return starting(place)
    return JenkinsUnavailable(
        f"Jenkins, or a proxy before it, answers {response.status_code}: {said}",
        status=response.status_code,
        place=place,
        way_out="see Jenkins's own log" if response.status_code == 500 else "",
    )


def _unknown(response: requests.Response, place: str, user: str) -> JenkinsDenied:
    """A Jenkins tells its version, or its name where it asks for other credentials."""
    whose = f"these credentials of the user '{user}'" if user else "these credentials"
    asks = response.headers.get("WWW-Authenticate", "")
    if "X-Jenkins" in response.headers or 'realm="Jenkins"' in asks:
        return JenkinsDenied(f"Jenkins does not know {whose} (401)", status=401, place=place, way_out=_SETTINGS)
    return JenkinsDenied(
        f"what answers there does not know {whose} (401), and may be no Jenkins: it sends no X-Jenkins header",
        status=401,
        place=place,
        way_out=f"see whether Jenkins's url leads to Jenkins; if so, {_SETTINGS}",
    )


def _forbidden(response: requests.Response, place: str, user: str) -> JenkinsDenied:
    permission = _permission(response)
    if permission:
        return JenkinsDenied(
            f"the user of ciprov lacks the permission {permission}",
            permission=permission,
            place=place,
            way_out="grant it in Jenkins (Manage Jenkins, Security), or use another user",
        )
    whom = f"the user '{user}'" if user else "whoever gives no credentials"
    return JenkinsDenied(f"Jenkins refuses {whom} (403)", place=place, way_out=_SETTINGS)


def _permission(response: requests.Response) -> str:
    """As Jenkins's own pages name it, such as `Agent/Create`."""
    if (match := _MISSING.search(html.unescape(response.text[:200_000]))) is not None:
        return match[1]
    owner, _, name = response.headers.get("X-Required-Permission", "").rpartition(".")
    return f"{_PERMISSION_CLASSES.get(owner, owner)}/{name}" if owner else ""

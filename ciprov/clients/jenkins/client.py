"""Jenkins over HTTP. It may be used from several threads: each gets a session of its own."""

from __future__ import annotations

import json
import logging
import re
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.permissions import check_permissions
from ciprov.clients.jenkins.records import (
    LOAD_TREE,
    NODE_TREE,
    NODE_TYPE,
    NODES_TREE,
    QUEUE_TREE,
    SERVER_TREE,
    config_mark,
    items_waited,
    node,
    node_form,
    nodes,
    queue_items,
    without_labels,
)
from ciprov.clients.jenkins.refusals import no_jenkins, where
from ciprov.clients.jenkins.transport import Restart, Transport, decoded
from ciprov.domain.jenkins import (
    AgentSecret,
    JenkinsError,
    JenkinsNotFound,
    JenkinsUnavailable,
    NewNode,
    Node,
    NodeExists,
    NodeMark,
    NotOurNode,
    QueueItem,
    Server,
    Withdrawn,
)

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SECRET = re.compile(r"<argument>([0-9a-f]{64})</argument>")


class HttpJenkins:
    """`service` is the name in the mark of the nodes that it makes. It deletes no node that bears another mark or none.

    Errors are `JenkinsError`s. Nothing but a broken idle connection is tried again here.
    """

    def __init__(self, connection: Connection, service: str) -> None:
        if not _NAME.fullmatch(service):
            raise JenkinsError(
                f"'{service}' cannot mark nodes", way_out="Use letters, digits, dots, dashes and underscores."
            )
        self._connection = connection
        self._service = service
        self._of_thread = threading.local()
        self._restart = Restart()

    @property
    def target(self) -> str:
        return self._connection.target

    @property
    def service(self) -> str:
        return self._service

    @property
    def anonymous(self) -> bool:
        """Whether it has no credentials to send."""
        return not self._connection.has_credentials

    def server(self) -> Server:
        try:
            response = self._transport.get("api/json", tree=SERVER_TREE)
        except JenkinsNotFound as error:
            raise no_jenkins(error.place, error.status) from error
        place = where("GET", response.url)
        document = decoded(response, place)
        version = response.headers.get("X-Jenkins", "")
        if not version:
            raise no_jenkins(place, response.status_code)
        return Server(
            version,
            _moment(response.headers.get("Date", "")),
            response.headers.get("X-Jenkins-Session", ""),
            bool(document.get("quietingDown")),
            document.get("jobs") == [] and self._items_wait(),
        )

    def check_permissions(self) -> None:
        """Raises `JenkinsDenied` that names each permission that is missing. Makes a node for it and deletes it."""
        check_permissions(self)

    def queue(self) -> list[QueueItem]:
        """All items, by one request."""
        document = self._transport.get_json("queue/api/json", tree=QUEUE_TREE)
        if not isinstance(document.get("items"), list):
            raise self._foreign("queue/api/json")
        return queue_items(document)

    def nodes(self) -> list[Node]:
        """All nodes, the built-in one too, by one request."""
        document = self._transport.get_json("computer/api/json", tree=NODES_TREE)
        # There is always the built-in one. Without any, all agents would be taken for deleted.
        if not isinstance(document.get("computer"), list) or not document["computer"]:
            raise self._foreign("computer/api/json")
        return nodes(document)

    def node(self, name: str) -> Node | None:
        try:
            return node(self._transport.get_json(f"{_path(name)}/api/json", tree=NODE_TREE))
        except JenkinsNotFound:
            return None

    def create_node(self, new: NewNode) -> bool:
        """False where the same node of ours is there already. Raises `NodeExists` where another one is."""
        if not _NAME.fullmatch(new.name):
            raise _no_name(new.name)
        mark = NodeMark(self._service, new.template)
        form = {"name": new.name, "type": NODE_TYPE, "json": json.dumps(node_form(new, mark))}
        try:
            self._transport.post("computer/doCreateItem", form=form)
        except JenkinsUnavailable as error:
            if error.unsent or not _is_same(self.node(new.name), new, mark):
                raise
        except JenkinsError as error:
            if error.status != 400 or "already exists" not in error.message:
                raise
            if _is_same(self.node(new.name), new, mark):
                return False
            raise NodeExists(
                f"there is a node '{new.name}' already, and it is not the one to be made",
                status=400,
                place=error.place,
                way_out="delete it in Jenkins, or leave it: nodes of ciprov get names that are new each time",
            ) from error
        return True

    def delete_node(self, name: str) -> bool:
        """False where it is gone already. Raises `NotOurNode` where it does not bear our mark."""
        present = self.node(name)
        if present is None:
            return False
        if present.mark is None or present.mark.service != self._service:
            raise NotOurNode(f"the node '{name}' was not made by the service '{self._service}': it is left alone")
        try:
            self._transport.post(f"{_path(name)}/doDelete")
        except JenkinsNotFound:
            return False
        except JenkinsUnavailable as error:
            if error.unsent or self.node(name) is not None:
                raise
        return True

    def fence(self, name: str, message: str) -> bool:
        """Keeps further builds away; the one that runs goes on. False where the node is gone. May be repeated."""
        try:
            self._transport.post(f"{_path(name)}/changeOfflineCause", {"offlineMessage": message})
        except JenkinsNotFound:
            return False
        return True

    def withdraw(self, name: str, message: str) -> Withdrawn:
        """As `fence`, and no item is lost that Jenkins gives to it at this moment: its labels go first, and then it is
        seen what it has. A node that does not bear our mark keeps them. May be repeated.
        """
        try:
            config = self._transport.get(f"{_path(name)}/config.xml").content.decode()
            mark = config_mark(config)
            if mark is not None and mark.service == self._service and (unasked := without_labels(config)) != config:
                self._transport.post_xml(f"{_path(name)}/config.xml", unasked)
        except JenkinsNotFound:
            return Withdrawn.GONE
        present = self.node(name)
        if present is not None and not present.idle and not present.builds:
            return Withdrawn.STARTING
        return Withdrawn.FENCED if present is not None and self.fence(name, message) else Withdrawn.GONE

    def unfence(self, name: str) -> bool:
        """Lets builds come again. False where the node is gone. May be repeated."""
        present = self.node(name)
        if present is None:
            return False
        if present.fenced:  # what there is in Jenkins does either, as it finds the node
            try:
                self._transport.post(f"{_path(name)}/toggleOffline")
            except JenkinsNotFound:
                return False
        return True

    def secret(self, name: str) -> AgentSecret:
        """What the agent of that name connects with. Each call leaves a warning in Jenkins's log: ask once."""
        response = self._transport.get(f"{_path(name)}/jenkins-agent.jnlp")
        match = _SECRET.search(response.text)
        if match is None:
            raise JenkinsError(
                f"no secret in what Jenkins tells of the node '{name}'",
                status=response.status_code,
                place=where("GET", response.url),
                way_out="see whether it is a node that agents connect to (inbound)",
            )
        return AgentSecret(match[1])

    def _items_wait(self) -> bool:
        """Also those that this user may not see: the load statistics count them all."""
        try:
            return items_waited(self._transport.get_json("overallLoad/api/json", tree=LOAD_TREE))
        except JenkinsError as error:
            log.debug("%s", error)  # it only is a hint for people
            return False

    def _foreign(self, path: str) -> JenkinsError:
        """For data that Jenkins would not tell: some proxy's, which must not be taken for a Jenkins that is empty."""
        return no_jenkins(f"GET {self._connection.servers[0].rstrip('/')}/{path}", 200)

    @property
    def _transport(self) -> Transport:
        transport: Transport | None = getattr(self._of_thread, "transport", None)
        if transport is None:
            transport = self._of_thread.transport = Transport(self._connection, self._restart)
        return transport


def _path(name: str) -> str:
    if not name.strip("."):  # dots alone would lead elsewhere
        raise _no_name(name)
    return f"computer/{quote(name, safe='')}"


def _no_name(name: str) -> JenkinsError:
    return JenkinsError(f"'{name}' is no name for a node", way_out="Use letters, digits, dots and dashes.")


def _is_same(present: Node | None, new: NewNode, mark: NodeMark) -> bool:
    return present is not None and present.mark == mark and present.labels == {new.name, *new.labels}


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

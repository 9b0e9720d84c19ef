"""What the check of permissions makes of others who check at the same time."""

from __future__ import annotations

from ciprov.clients.jenkins.permissions import check_permissions
from ciprov.domain.jenkins import AgentSecret, JenkinsNotFound, NewNode, Server, Withdrawn


class Shared:
    """A Jenkins in which another service of that name deletes the node right after it was made."""

    service = "ciprov"
    target = "jenkins"
    anonymous = False

    def server(self) -> Server:
        return Server("2.462.3")

    def create_node(self, _: NewNode) -> bool:
        return False

    def fence(self, _name: str, _message: str) -> bool:
        return False

    def withdraw(self, _name: str, _message: str) -> Withdrawn:
        return Withdrawn.GONE

    def secret(self, name: str) -> AgentSecret:
        raise JenkinsNotFound(f"Jenkins has nothing there: {name}", status=404)

    def delete_node(self, _: str) -> bool:
        return False


def test_two_services_of_a_name_may_start_at_once() -> None:
    check_permissions(Shared())

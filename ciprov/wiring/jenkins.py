"""How to reach the Jenkins that the settings name."""

from __future__ import annotations

from ciprov.clients.connection import Connection
from ciprov.settings.agents import JenkinsAccess


def jenkins_connection(access: JenkinsAccess) -> Connection:
    return Connection(
        "jenkins",
        (access.url,),
        user=access.user,
        password=access.token.reveal() if access.token else "",
        verify=(access.tls.ca or True) if access.tls.verify else False,
        certificate=access.tls.certificate,
        key=access.tls.key,
    )

"""The section `agents` of a cluster: the Jenkins that gets agents, the service, and what agents are made like."""

from ciprov.settings.agents.model import AgentSettings, JenkinsAccess, Listen, of_cluster

__all__ = ["AgentSettings", "JenkinsAccess", "Listen", "of_cluster"]

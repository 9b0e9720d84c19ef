"""The Mesos task of an agent, and the shell text that starts it."""

"""The agent service's HTTP side: a Unix socket for the command line, a TCP listener for agents and pipelines."""

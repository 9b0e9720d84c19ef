"""ciprov: a CI environment provisioner for Jenkins on Mesos."""

__version__ = "0.1.0"

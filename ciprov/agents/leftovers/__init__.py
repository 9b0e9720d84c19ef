"""What earlier runs left in Jenkins and in Mesos."""

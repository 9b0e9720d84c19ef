"""The running service: one loop that decides, and workers that ask Jenkins.

`inbox` is all that may come in, `jenkins_desk` asks Jenkins and `mesos_desk` keeps what goes onto which Mesos agent;
`books` is what is known and written, `service` the loop itself, `controls` what others may ask of it.
"""

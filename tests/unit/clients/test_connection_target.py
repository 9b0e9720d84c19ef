import pytest

from ciprov.clients.connection import Connection


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("http://mesos:5050/x", "http://mesos:5050/x"),
        ("zk://me:p%40ss@z1:2181,z2:2181/mesos", "zk://z1:2181,z2:2181/mesos"),
        ("zk://me:p@ss@z1/mesos", "zk://z1/mesos"),
    ],
)
def test_what_people_and_logs_see_of_a_connection_holds_no_credentials(server, shown):
    connection = Connection("staging", [server], user="u", password="hidden", token="t0ken")
    assert connection.target == f"staging ({shown})"
    assert repr(connection) == f"Connection(staging ({shown}))"

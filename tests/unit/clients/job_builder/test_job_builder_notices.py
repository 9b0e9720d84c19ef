import logging

from ciprov.clients.job_builder.notices import heard


def written(level, pathname):
    logging.getLogger().handle(logging.LogRecord("root", level, pathname, 1, "told", None, None))


def test_what_is_no_warning_is_none_whatever_logs_show(caplog):
    with caplog.at_level(logging.DEBUG), heard() as notices:
        written(logging.DEBUG, "/lib/jenkins_jobs/modules/scm.py")
        assert notices == []
        written(logging.WARNING, "/lib/jenkins_jobs/modules/scm.py")
    assert notices == ["told"]
    assert caplog.records == []

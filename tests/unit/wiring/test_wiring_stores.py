"""Which store a cluster's settings lead to. Nothing is opened."""

from dataclasses import replace

import pytest

from ciprov.foundation.errors import UsageError
from ciprov.settings.loading import Options, load
from ciprov.wiring.stores import open_store


def settings(tmp_path, *, store="", store_local=False, local=False):
    variables = {"HOME": str(tmp_path), "CIPROV_MARATHON": "http://m.example:8080"}
    if store:
        variables["CIPROV_STORE"] = store
    return load(variables, Options(local=local, store_local=store_local))


@pytest.mark.parametrize("store", ["", "sqlite:////var/lib/ciprov.db"])
def test_a_shared_cluster_with_records_on_this_machine_is_refused_with_the_ways_out(tmp_path, store):
    with pytest.raises(UsageError, match=r"(?s)m.example:8080 is shared.*zk://host1.*--store-local") as refusal:
        open_store(settings(tmp_path, store=store))
    assert refusal.value.exit_code == 64


def test_it_may_be_asked_for(tmp_path):
    assert open_store(settings(tmp_path, store_local=True)).place == str(tmp_path / ".local/state/ciprov/state.db")


def test_the_embedded_cluster_keeps_its_records_here(tmp_path):
    assert open_store(settings(tmp_path, local=True)).place.endswith("state.db")


def test_a_shared_store_is_taken(tmp_path):
    store = open_store(settings(tmp_path, store="zk://ann:hunter2@a,b/team"))
    assert store.place == "zk://a:2181,b:2181/team"


def test_embedded_clusters_do_not_share_records_in_a_shared_store(tmp_path):
    one = settings(tmp_path, store="zk://a/team", local=True)
    other = replace(one, state_dir=tmp_path / "other")
    places = {open_store(found).place for found in (one, other)}
    assert len(places) == 2
    assert all(place.startswith("zk://a:2181/team/embedded/") for place in places)

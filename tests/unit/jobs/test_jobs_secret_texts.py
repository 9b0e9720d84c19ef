import pytest

from ciprov.jobs.secret_texts import is_encrypted, is_unreadable, without_secrets

ENCRYPTED = "{AQAAABAAAAAQT6likIJmgiiU4dQ34bDiTLeeXNr3F8/U36wa4zzH9TQ=}"


def test_what_jenkins_keeps_of_a_secret_and_what_it_shows_of_it():
    assert is_encrypted(f"\n {ENCRYPTED} ")
    assert not is_encrypted("{braces}")
    assert is_unreadable("********")
    assert not is_unreadable("secret")


def test_secrets_are_hidden_and_their_neighbours_are_not():
    lines = [
        "   <hudson.model.PasswordParameterDefinition>",
        "-    <defaultValue>old</defaultValue>",
        "+    <defaultValue>new</defaultValue>",
        "   </hudson.model.PasswordParameterDefinition>",
        "     <defaultValue>shown</defaultValue>",
        "+  <authToken>start</authToken>",
        '+  <apiToken class="x">t</apiToken>',
        "+  <proxyPassword>p</proxyPassword>",
        "+  <credentialsId>shown</credentialsId>",
        "+  <tokenCredentialId>shown</tokenCredentialId>",
    ]
    told = "\n".join(without_secrets(lines))
    assert told.count("(hidden)") == 5
    assert told.count("shown") == 3


def test_a_secret_of_several_lines_is_hidden_to_its_end():
    lines = ["<a>", "  <secret>one", "two", "", "three</secret>", "  <b>shown</b>", "</a>"]
    told = list(without_secrets(lines))
    assert told == ["<a>", "  <secret>(hidden)", "(hidden)", "", "(hidden)</secret>", "  <b>shown</b>", "</a>"]


@pytest.mark.parametrize("name", ["privateKey", "secretKey", "secretText", "accessKey", "apikey", "passwd"])
def test_keys_are_secrets_too(name):
    assert list(without_secrets([f"<{name}>s</{name}>"])) == [f"<{name}>(hidden)</{name}>"]

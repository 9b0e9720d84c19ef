"""The shell text that starts an agent on its host: what a Mesos task of ours runs.

Plain POSIX sh, in two parts. The first takes the secrets out of the environment, or out of a file that was fetched, and
starts the second with a new environment that never had them. The second becomes the agent's JVM, so that signals and
exit codes are the JVM's own. A child of it, the watcher, knows the token: it sees the first entry in the workspace
directory and tells the service.

What has to be told about the text is told here, as all of it is sent to Mesos with each task.

- `bash` is taken for the second part where it is at hand: it waits without a process for each round and needs no
  program to speak HTTP. A bash before 5.1 keeps what it gives through a pipe in a file that has no name any more.
- A workspace is called after its job, with `@2` or `@tmp` behind it for a further directory of the same job, so what
  stands before the `@` is told. `@` is no part of a job's name.
- The node's secret is given to the JVM as its input, in a file that has no name any more. A pipe would be empty once it
  was read: an agent that lost Jenkins executes its own command line anew when Jenkins is back, and reads it again.
- The jar cache is shared by agents of one user. Builds of that user may write to it, as they may to all that is the
  agent's; nobody else may, or it is not used.
- The token goes to other programs through a pipe, as their arguments are visible.
- All its variables begin with `ciprov_`. What a shell sets in a variable that came from outside, of an image or a
  template, goes to its children: builds would see another value of theirs, or a secret.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ciprov.agents.template import Template

SECRET_VARIABLE = "CIPROV_AGENT_SECRET"  # noqa: S105 - the name of a variable
TOKEN_VARIABLE = "CIPROV_AGENT_TOKEN"  # noqa: S105 - the name of a variable
SECRETS_FILE = "ciprov-secrets"
AGENT_JAR = "agent.jar"
WORK_DIR = "agent"
"""In the sandbox, where a template names none. Jenkins takes a relative path from where the agent was started."""

EXIT_CODES: Mapping[int, str] = {
    66: "agent.jar was not fetched, or is no jar",
    73: "the work directory or the sandbox cannot be written to: an image's user has to be the template's `user`",
    77: "the node's secret did not reach the task",
    127: "there is no {java} on the host or in the image, which is what the template's `java` names",
}
"""Of the text itself. All others are the agent's. `{java}` stands for the template's."""

_FIRST = """\
cd "${MESOS_SANDBOX:-.}" || exit 73
if [ -f @FILE@ ]; then chmod 600 @FILE@ 2>/dev/null; . ./@FILE@; rm -f @FILE@; fi
ciprov_secrets="${@SECRET@-}
${@TOKEN@-}"
unset @SECRET@ @TOKEN@ MESOS_EXECUTOR_AUTHENTICATION_TOKEN
ciprov_sh=sh
if command -v bash >/dev/null 2>&1; then ciprov_sh="bash --posix"; fi
exec $ciprov_sh -c @SECOND@ \
  @WORDS@ <<END
$ciprov_secrets
END
"""

# No apostrophe may stand in it, as apostrophes are around it.
_SECOND = r"""
IFS= read -r ciprov_secret
IFS= read -r ciprov_token
ciprov_name=$1 ciprov_host=$2 ciprov_url=$3 ciprov_dir=$4 ciprov_own=$5 ciprov_cache=$6 ciprov_archive=$7
shift 7

say() { echo "ciprov: agent $ciprov_name: $*" >&2; }
fail() { ciprov_code=$1; shift; say "$*"; exit "$ciprov_code"; }

# True for a directory or file that nobody else can write to, nor put another one in its place.
is_private() {
  set -- "$1" $(LC_ALL=C ls -ldn -- "${1%/*}/" "$1" 2>/dev/null)
  case ${2-} in d????-??-?* | d????????[tT]*) ;; *) return 1 ;; esac
  case ${11-} in [d-]????-??-?*) ;; *) return 1 ;; esac
  { [ "$4" = 0 ] || [ -O "${1%/*}/" ]; } && { [ "${13-}" = 0 ] || [ -O "$1" ]; }
}

request() {
  ciprov_path=${ciprov_url#*://}
  printf "%s\r\n" "POST /${ciprov_path#*/} HTTP/1.1" "Host: ${ciprov_path%%/*}" \
    "Authorization: Bearer $ciprov_token" "Content-Type: application/json" \
    "Content-Length: ${#ciprov_body}" "Connection: close" ""
  printf %s "$ciprov_body"
}

# Gives the HTTP status of the answer; nothing without an answer.
send() {
  if [ "$ciprov_host" ] && [ "${BASH_VERSION-}" ]; then
    exec 8<>"/dev/tcp/${ciprov_host% *}/${ciprov_host#* }" || return
    request >&8
    read -r -t 5 _ ciprov_answer _ <&8
    echo "$ciprov_answer"
  elif command -v curl >/dev/null; then
    printf "header = \"Authorization: Bearer %s\"\n" "$ciprov_token" |
      curl -q -sS -m 5 --noproxy "*" -K - -o /dev/null -w "%{http_code}" \
      -H "Content-Type: application/json" -d "$ciprov_body" "$ciprov_url"
  elif command -v python3 >/dev/null; then
    printf "Bearer %s" "$ciprov_token" | python3 -c "import sys, http.client as h, urllib.parse as p
url, body, method, kind, json, name = sys.argv[1:]
u = p.urlsplit(url)
c = [h.HTTPConnection, h.HTTPSConnection][len(u.scheme) - 4](u.netloc, timeout=5)
c.request(method, u.path, body.encode(), {kind: json, name: sys.stdin.read()})
print(c.getresponse().status)" "$ciprov_url" "$ciprov_body" POST Content-Type application/json Authorization
  elif [ "$ciprov_host" ] && command -v nc >/dev/null; then
    request | nc -w 5 ${ciprov_host% *} ${ciprov_host#* } | { read -r _ ciprov_answer _; echo "$ciprov_answer"; }
  else
    echo none
  fi
}

tell() {
  trap - TERM
  LC_ALL=C
  ciprov_body="{\"entries\": [$1]}"
  for ciprov_pause in 0.1 0.3 1 3 0; do
    kill -0 $$ 2>/dev/null || return
    case $(send 2>/dev/null) in
      2??) return ;;
      40?) say "the service refuses to be told of builds, and will see them later"; return ;;
      none) say "no bash, curl, python3 or nc to tell the service of builds, which will see them later"; return ;;
    esac
    sleep $ciprov_pause
  done
  say "the service cannot be told of builds, and will see them later"
}

watch() {
  [ -z "$ciprov_own" ] || trap "" TERM
  ciprov_told=/ ciprov_entries= ciprov_pipe= ciprov_secret=
  if [ "${BASH_VERSION-}" ] && mkfifo .ciprov-pipe 2>/dev/null; then
    exec 9<>.ciprov-pipe && rm -f .ciprov-pipe && ciprov_pipe=yes
  fi
  while kill -0 $$ 2>/dev/null; do
    [ ! -d "$ciprov_dir/workspace" ] || for ciprov_entry in "$ciprov_dir"/workspace/*; do
      ciprov_entry=${ciprov_entry##*/}
      ciprov_entry=${ciprov_entry%%@*}
      case $ciprov_entry in "*" | workspaces.txt*) continue ;; esac
      case $ciprov_told in */"$ciprov_entry"/*) continue ;; esac
      ciprov_told=$ciprov_told$ciprov_entry/
      case $ciprov_entry in *[\"\\[:cntrl:]]*) ciprov_entry="?" ;; esac
      ciprov_entries="$ciprov_entries${ciprov_entries:+, }\"$ciprov_entry\""
      [ -z "$ciprov_url" ] || tell "$ciprov_entries" &
    done
    if [ "$ciprov_pipe" ]; then read -r -t 0.04 _ <&9; else sleep 0.05 2>/dev/null || sleep 1 || return; fi
  done
  [ -z "$ciprov_own" ] || rm -rf "$ciprov_dir"
}

[ "$ciprov_secret" ] || fail 77 "its secret did not reach it"
command -v "$1" >/dev/null || fail 127 "there is no $1 here, and an agent needs Java"
ciprov_start=
{ IFS= read -r ciprov_start <agent.jar; } 2>/dev/null
case $ciprov_start in PK*) ;; *) fail 66 "agent.jar did not come from Jenkins, or is no jar" ;; esac
{ [ -z "$ciprov_own" ] || mkdir -p "$ciprov_dir"; } 2>/dev/null && [ -w "${ciprov_own:-.}" ] ||
  fail 73 "its work directory ${ciprov_own:-$PWD} cannot be written to"

ciprov_java=$1
shift
if [ -f "$ciprov_archive" ]; then
  if is_private "$ciprov_archive"; then set -- "-XX:SharedArchiveFile=$ciprov_archive" "$@"
  else say "$ciprov_archive is not used: others can write to it"; fi
fi
if [ "$ciprov_cache" ]; then
  [ -d "$ciprov_cache" ] || { mkdir -p "${ciprov_cache%/*}/" && mkdir -m 700 "$ciprov_cache"; } 2>/dev/null
  if ! { [ -d "$ciprov_cache" ] && is_private "$ciprov_cache"; }; then
    say "the jar cache $ciprov_cache is not used: it is not there, or others can write to it"
  elif ! { printf %65536s "" >"$ciprov_cache/.room"; } 2>/dev/null; then
    say "the jar cache $ciprov_cache is not used: no room in it"
  else set -- "$@" -jar-cache "$ciprov_cache"; fi
fi
watch </dev/null &
ciprov_file=.ciprov-secret
[ -w . ] || ciprov_file=$ciprov_own/.ciprov-secret
(umask 077 && echo "$ciprov_secret" >"$ciprov_file") 2>/dev/null ||
  fail 73 "its work directory ${ciprov_own:-$PWD} cannot be written to"
exec 7<"$ciprov_file"
rm -f "$ciprov_file"
exec "$ciprov_java" "$@" <&7 7<&-
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """`signal` is the service as its agents reach it; empty: it is not told of builds."""

    jenkins: str
    signal: str = ""


def start_command(name: str, template: Template, addresses: Addresses) -> str:
    """For `sh -c`, in the sandbox, with agent.jar in it and the secrets in the environment or in `SECRETS_FILE`."""
    host, url = _signal(name, addresses.signal)
    directory = work_dir(name, template)
    own = directory if template.start.work_dir else ""
    words = [name, host, url, directory, own, jar_cache(template), template.start.class_data]
    fills = {
        "@FILE@": SECRETS_FILE,
        "@SECRET@": SECRET_VARIABLE,
        "@TOKEN@": TOKEN_VARIABLE,
        "@SECOND@": f"'{_SECOND}'",
        "@WORDS@": shlex.join(["ciprov-agent", *words, *_java(name, template, addresses.jenkins)]),
    }
    text = _FIRST
    for mark, filled in fills.items():
        text = text.replace(mark, filled)
    return text


def explained(message: str, template: Template) -> str:
    """What Mesos says of a task's end, with what the exit code means where it is one of the text itself."""
    code = re.search(r"exited with status (\d+)$", message)
    meaning = EXIT_CODES.get(int(code[1])) if code else None
    return f"{message}: {meaning.replace('{java}', template.start.java)}" if meaning else message


def secrets_text(node: str, token: str, env: Iterable[tuple[str, str]] = ()) -> str:
    """What `SECRETS_FILE` is to hold: for the shell."""
    own = [f"{name}={shlex.quote(value)}" for name, value in ((SECRET_VARIABLE, node), (TOKEN_VARIABLE, token))]
    return "\n".join([*own, *(f"export {name}={shlex.quote(value)}" for name, value in env), ""])


def work_dir(name: str, template: Template) -> str:
    """Of the agent of that name, which is also what its node has to have. Below the template's, one for each agent: two
    may be on one host. It is removed with its agent.
    """
    return f"{template.start.work_dir.rstrip('/')}/{name}" if template.start.work_dir else WORK_DIR


def jar_cache(template: Template) -> str:
    """Each user has another one; empty for none."""
    start = template.start
    return f"{start.jar_cache.rstrip('/')}-{start.user}" if start.jar_cache and start.user else start.jar_cache


def _java(name: str, template: Template, jenkins: str) -> list[str]:
    start = template.start
    return [
        start.java,
        *start.jvm_options,
        *("-jar", AGENT_JAR, "-url", f"{jenkins.rstrip('/')}/", "-name", name, "-secret", "@/dev/stdin"),
        *(("-webSocket",) if start.web_socket else ()),
        *("-workDir", work_dir(name, template)),
        *(("-noReconnectAfter", f"{math.ceil(start.reconnect_s)}s") if start.reconnect_s > 0 else ("-noReconnect",)),
        *start.arguments,
    ]


def _signal(name: str, service: str) -> tuple[str, str]:
    """`HOST PORT` for plain HTTP, else empty, and the URL."""
    if not service:
        return "", ""
    url = f"{service.rstrip('/')}/v1/agents/{quote(name, safe='')}/busy"
    parts = urlsplit(url)
    return f"{parts.hostname} {parts.port or 80}" if parts.scheme == "http" else "", url

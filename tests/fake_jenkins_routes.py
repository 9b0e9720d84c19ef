"""The fake Jenkins's addresses: what each checks, does, and answers with."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Callable, Collection
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import fake_jenkins_nodes
from fake_jenkins_answers import DEFAULT_TREES
from fake_jenkins_connections import AgentConnection
from fake_jenkins_jobs import Refused, check_name, full_name
from fake_jenkins_state import FakeNode, Job
from fake_jenkins_tree import filtered, parsed
from label_truth import bare, labels_in, told
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from fake_jenkins import FakeJenkins

Answer = Callable[[Request], Any]
USER, TOKEN, PASSWORD = "ciprov", "11" + "ab" * 16, "correct horse"


@lru_cache
def _agent_jar() -> bytes:
    """`fake_agent.py` as an archive that Python runs: a real one is an archive, too."""
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w") as archive:
        archive.write(Path(__file__).with_name("fake_agent.py"), "__main__.py")
    return jar.getvalue()


_JOB_TREE = (
    "name,fullName,description,url,color,nextBuildNumber,labelExpression,builds[number,url],jobs[name,url,color]"
)


def routes(fake: FakeJenkins) -> list[Route]:
    api = _Api(fake)
    reads: dict[str, tuple[str, Answer]] = {
        "/api/json": ("Overall/Read", api.root),
        "/crumbIssuer/api/json": ("Overall/Read", api.crumb),
        "/overallLoad/api/json": ("Overall/Read", api.load),
        "/queue/api/json": ("Overall/Read", api.queue),
        "/queue/item/{id:int}/api/json": ("Overall/Read", api.item),
        "/computer/api/json": ("Overall/Read", api.computers),
        "/computer/{name}/api/json": ("Overall/Read", api.computer),
        "/computer/{name}/config.xml": ("Agent/Configure", api.node_config),
        "/computer/{name}/jenkins-agent.jnlp": ("Agent/Connect", api.jnlp),
        "/job/{job}/api/json": ("Job/Read", api.job),
        "/job/{job}/{number:int}/api/json": ("Job/Read", api.build),
        "/job/{path:path}/config.xml": ("Job/ExtendedRead", api.config),
        "/job/{path:path}/api/json": ("Job/Read", api.job_in_folder),
        "/pluginManager/api/json": ("Overall/SystemRead", api.plugins),
    }
    writes: dict[str, tuple[str, Answer]] = {
        "/createItem": ("Job/Create", api.create_job),
        "/job/{job}/build": ("Job/Build", api.schedule),
        "/job/{job}/buildWithParameters": ("Job/Build", api.schedule),
        "/job/{job}/{number:int}/stop": ("Job/Cancel", api.stop),
        "/job/{path:path}/createItem": ("Job/Create", api.create_job),
        "/job/{path:path}/config.xml": ("Job/Configure", api.configure),
        "/job/{path:path}/doDelete": ("Job/Delete", api.delete_job),
        "/queue/cancelItem": ("Job/Cancel", api.cancel),
        "/quietDown": ("Overall/Administer", api.quiet_down),
        "/cancelQuietDown": ("Overall/Administer", api.cancel_quiet_down),
        "/computer/doCreateItem": ("Agent/Create", api.create_node),
        "/computer/{name}/changeOfflineCause": ("Agent/Disconnect", api.fence),
        "/computer/{name}/config.xml": ("Agent/Configure", api.configure_node),
        "/computer/{name}/toggleOffline": ("Overall/Read", api.toggle),
        "/computer/{name}/doDelete": ("Agent/Delete", api.delete_node),
    }
    return [
        *(
            Route(path, _guarded(fake, permission, answer), methods=["GET"])
            for path, (permission, answer) in reads.items()
        ),
        *(
            Route(path, _guarded(fake, permission, answer), methods=["POST"])
            for path, (permission, answer) in writes.items()
        ),
        Route("/login", lambda _: PlainTextResponse("Sign in", headers={"X-Jenkins": "2.462.3"})),
        Route("/jnlpJars/agent.jar", lambda _: Response(_agent_jar(), media_type="application/java-archive")),
        Route("/fake/agents/{name}", AgentConnection(fake), methods=["POST"]),
        Route("/fake/agents/{name}/done", api.done, methods=["POST"]),
    ]


def _guarded(fake: FakeJenkins, permission: str, answer: Answer) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        fake.seen(request)
        response = _turned_away(fake, permission, request)
        if response is None:
            try:
                response = await answer(request)
            except KeyError:
                response = _page(404, "Not Found")
            except Refused as refused:
                # As recorded: what the header cannot hold becomes a blank.
                told = "".join(each if each.isascii() else " " for each in refused.text).strip()
                error = {"X-Error": told} if told else {}
                response = _page(refused.status, "Error" if refused.text else "Oops!", **error)
        if request.method == "POST":
            fake.save()
        if fake.rules.outage is None:  # it does not tell its version while it starts
            response.headers.update({"X-Jenkins": "2.462.3", "X-Jenkins-Session": fake.rules.session})
        return response

    return endpoint


def _turned_away(fake: FakeJenkins, permission: str, request: Request) -> Response | None:
    if fake.rules.outage is not None:
        return _page(*fake.rules.outage)
    return _unwelcome(fake, permission, request)


def _unwelcome(fake: FakeJenkins, permission: str, request: Request) -> Response | None:
    scheme, _, coded = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Basic":
        return _page(403, "Authentication required")
    user, _, password = base64.b64decode(coded).decode().partition(":")
    if user != USER or password not in {TOKEN, PASSWORD}:
        return _page(401, "Invalid password/token for user")
    crumb = request.headers.get("Jenkins-Crumb") == fake.rules.crumb
    if request.method == "POST" and password == PASSWORD and not crumb:
        return _page(403, "No valid crumb was included in the request")
    if {permission, "Overall/Read"} & fake.rules.denied:
        missing = "Overall/Read" if "Overall/Read" in fake.rules.denied else permission
        return _page(403, f"{user} is missing the {missing} permission")
    return None


def _page(status: int, text: str, **headers: str) -> Response:
    page = f"<!DOCTYPE html><html><head><title>{text} [Jenkins]</title></head><body>{text}</body></html>"
    return Response(page, status, headers, media_type="text/html")


class _Api:
    def __init__(self, fake: FakeJenkins) -> None:
        self._fake = fake
        self._controller = fake.controller

    def _shown(self, path: str) -> Response:
        return Response(status_code=302, headers={"Location": f"{self._fake.url}/{path}"})

    def _node(self, request: Request) -> FakeNode:
        return self._controller.nodes[request.path_params["name"]]

    # Reading

    async def root(self, request: Request) -> Response:
        answer = {
            "_class": "hudson.model.Hudson",
            "mode": "NORMAL",
            "jobs": [] if self._hides_jobs else self._controller.configs.listed(),
            "quietingDown": self._controller.quieting_down,
        }
        return _json(request, answer, "mode,jobs[name],quietingDown")

    async def crumb(self, request: Request) -> Response:
        answer = {"_class": "hudson.security.csrf.DefaultCrumbIssuer", "crumb": self._fake.rules.crumb}
        return JSONResponse(answer | {"crumbRequestField": "Jenkins-Crumb"})

    async def queue(self, request: Request) -> Response:
        answer = self._fake.answers.queue()
        if self._hides_jobs:
            answer["items"] = []
        return _json(request, answer, DEFAULT_TREES["queue"])

    async def load(self, request: Request) -> Response:
        """Counted when asked; a real one counts every 10 s."""
        waiting = sum(item["buildable"] for item in self._fake.answers.queue()["items"])
        answer = {
            "_class": "hudson.model.OverallLoadStatistics",
            "queueLength": {"sec10": {"history": [0.1 * waiting, 0.0, 0.0], "latest": 0.1 * waiting}},
        }
        return _json(request, answer, "queueLength")

    @property
    def _hides_jobs(self) -> bool:
        return "Job/Read" in self._fake.rules.denied

    async def item(self, request: Request) -> Response:
        number = request.path_params["id"]
        items = {item.id: item for item in self._controller.items} | self._controller.left
        default = "actions,blocked,buildable,id,inQueueSince,params,stuck,task[name,url,color],url,why,timestamp"
        tree = f"{default},buildableStartMilliseconds,pending,cancelled,executable[number,url]"
        return _json(request, self._fake.answers.item(items[number]), tree)

    async def computers(self, request: Request) -> Response:
        return _json(request, self._fake.answers.computers(), DEFAULT_TREES["computers"])

    async def computer(self, request: Request) -> Response:
        return _json(request, self._fake.answers.computer(self._node(request)), DEFAULT_TREES["computer"])

    async def job(self, request: Request) -> Response:
        name = request.path_params["job"]
        shown = self._controller.configs.shown(name)
        job = self._controller.jobs.get(name)
        answer = shown if job is None else shown | self._fake.answers.job(job)
        return _json(request, answer, _JOB_TREE)

    async def job_in_folder(self, request: Request) -> Response:
        shown = self._controller.configs.shown(full_name(request.path_params["path"]))
        return _json(request, shown, _JOB_TREE)

    async def config(self, request: Request) -> Response:
        text = self._controller.configs.texts[full_name(request.path_params["path"])]
        return Response(text, media_type="application/xml")

    async def plugins(self, request: Request) -> Response:
        return _json(request, self._controller.configs.plugin_list(), "plugins[shortName,longName,version,enabled]")

    async def build(self, request: Request) -> Response:
        key = request.path_params["job"], request.path_params["number"]
        tree = "number,url,building,inProgress,result,queueId,builtOn"
        return _json(request, self._fake.answers.build(self._controller.builds[key]), tree)

    async def node_config(self, request: Request) -> Response:
        return Response(fake_jenkins_nodes.written(self._node(request)), media_type="application/xml")

    async def jnlp(self, request: Request) -> Response:
        node = self._node(request)
        arguments = [self._controller.secret(node.name), node.name, "-url", f"{self._fake.url}/"]
        told = "".join(f"<argument>{each}</argument>" for each in arguments)
        text = f"<jnlp><application-desc>{told}</application-desc></jnlp>"
        return Response(text, media_type="application/x-java-jnlp-file")

    # Jobs and the queue

    async def create_job(self, request: Request) -> Response:
        if not request.headers.get("Content-Type", "").startswith(("application/xml", "text/xml")):
            raise Refused(400, "No mode given")
        folder = full_name(request.path_params.get("path", ""))
        name = request.query_params["name"]
        sent = (await request.body()).decode()
        self._controller.configs.create(folder, name, sent)
        config = ElementTree.fromstring(re.sub(r"<\?xml.*?\?>", "", sent).strip())
        if folder or config.tag not in {"project", "flow-definition"}:
            return Response(status_code=200)
        script = config.findtext(".//script") or config.findtext(".//command") or "true"
        pipeline = config.tag == "flow-definition"
        label = config.findtext("assignedNode")
        if pipeline:
            asked = re.search(r"node\s*\(\s*'([^']*)'\s*\)", script)
            label = asked[1] if asked else None
            shell = re.search(r"sh\s*\(?\s*'([^']*)'", script)
            script = shell[1] if shell else "true"
        concurrent = config.findtext("concurrentBuild") == "true"
        quiet = float(config.findtext("quietPeriod") or 5.0)
        self._controller.jobs[name] = Job(name, pipeline, label, script, concurrent, quiet)
        return Response(status_code=200)

    async def delete_job(self, request: Request) -> Response:
        name = full_name(request.path_params["path"])
        self._controller.configs.delete(name)
        for item in [item for item in self._controller.items if item.job == name]:
            self._controller.cancel(item.id)
        for build in [build for build in self._controller.builds.values() if build.job == name]:
            self._controller.end(build.job, build.number, "ABORTED")
            del self._controller.builds[build.job, build.number]
        self._controller.jobs.pop(name, None)
        return self._shown("")

    async def configure(self, request: Request) -> Response:
        name = full_name(request.path_params["path"])
        self._controller.configs.update(name, (await request.body()).decode())
        return Response(status_code=200)

    async def schedule(self, request: Request) -> Response:
        query = dict(request.query_params)
        delay = re.sub("[a-z]+$", "", query.pop("delay", ""))
        params = "".join(f"\n{name}={value}" for name, value in query.items())
        job = self._controller.jobs[request.path_params["job"]]
        item = self._controller.schedule(job, float(delay) if delay else None, params)
        return Response(status_code=201, headers={"Location": f"{self._fake.url}/queue/item/{item.id}/"})

    async def stop(self, request: Request) -> Response:
        self._controller.end(request.path_params["job"], request.path_params["number"], "ABORTED")
        return self._shown(f"job/{request.path_params['job']}/{request.path_params['number']}/")

    async def cancel(self, request: Request) -> Response:
        number = int(request.query_params["id"])
        if number not in self._controller.left and all(item.id != number for item in self._controller.items):
            return _page(404, "Not Found")
        self._controller.cancel(number)
        return Response(status_code=204)

    async def quiet_down(self, _: Request) -> Response:
        self._controller.quieting_down = True
        return self._shown("")

    async def cancel_quiet_down(self, _: Request) -> Response:
        self._controller.quieting_down = False
        self._controller.maintain()
        return self._shown("")

    # Nodes

    async def create_node(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        name = form["name"].strip()
        check_name(name)
        if len(name) > 255:  # no name for a file
            return _page(500, "Oops!")
        if name in self._controller.nodes:
            return _page(400, "Error", **{"X-Error": f"Agent called  {name}  already exists"})
        given = json.loads(form["json"])
        if given["launcher"].get("stapler-class") != "hudson.slaves.JNLPLauncher":
            return _page(500, "Oops!")
        self._controller.nodes[name] = FakeNode(
            name,
            sorted(self._labels(given.get("labelString") or "")),
            given.get("nodeDescription") or "",
            exclusive=given.get("mode") == "EXCLUSIVE",
            executors=int(given.get("numExecutors") or 1),
        )
        return self._shown("computer/")

    def _labels(self, text: str) -> Collection[str]:
        """What a job asks for, and what is no expression, is one label from then on."""
        wrong = {
            bare(job.label) for job in self._controller.jobs.values() if job.label and told(job.label) != job.label
        }
        return {text} if text in wrong else labels_in(text)

    async def configure_node(self, request: Request) -> Response:
        fake_jenkins_nodes.configure(self._node(request), (await request.body()).decode(), self._labels)
        return Response(status_code=200)

    async def fence(self, request: Request) -> Response:
        node = self._node(request)
        self._controller.fence(node, request.query_params.get("offlineMessage", ""))
        return self._shown(f"computer/{node.name}/")

    async def toggle(self, request: Request) -> Response:
        node = self._node(request)
        permission = "Agent/Disconnect" if node.fenced is None else "Agent/Connect"
        if unwelcome := _unwelcome(self._fake, permission, request):
            return unwelcome
        if node.fenced is None:
            form = parse_qs((await request.body()).decode())
            self._controller.fence(node, form.get("offlineMessage", [""])[0])
        else:
            self._controller.unfence(node)
        return self._shown(f"computer/{node.name}/")

    async def delete_node(self, request: Request) -> Response:
        self._controller.delete(self._node(request))
        return self._shown("computer/")

    # Agents

    async def done(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.headers.get("X-Secret") != self._controller.secret(name):
            return Response(status_code=403)
        result = await request.json()
        build = self._controller.builds.get((result["job"], result["number"]))
        if build is not None and build.node == name:
            self._controller.end(build.job, build.number, result["result"])
        return Response(status_code=204)


def _json(request: Request, answer: dict[str, Any], default: str) -> Response:
    return JSONResponse(filtered(answer, parsed(request.query_params.get("tree", default))))

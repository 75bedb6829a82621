"""A stand-in of the Hugging Face hub: as much of its HTTP interface as uploads and downloads of its own client need,
on this machine. It keeps what arrives, and answers with errors where it is told to."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

MAY_WRITE, MAY_READ = "hf_may_write", "hf_may_read"
LICENSES = ("apache-2.0", "mit", "cc-by-nc-4.0", "other")
LARGE = 4000  # bytes from which on a file goes by LFS


class Hub(ThreadingHTTPServer):
    """Repositories by name: `private`, `commits`, each a message and its files, and `head`, the id of the last."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories, self.objects, self.requests, self.fails = {}, {}, [], {}

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}"

    def files(self, repo):
        """All files of a repository after its last commit."""
        found = {}
        for commit in self.repositories[repo]["commits"]:
            found |= commit["files"]
        return found


@contextmanager
def running():
    hub = Hub()
    threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        self.body = self.read_body()
        path = self.path.partition("?")[0]
        self.server.requests.append((self.command, path))
        for part, status in self.server.fails.items():
            if part in path:
                return self.answer({"error": "as the test wants it"}, status)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in (MAY_WRITE, MAY_READ) and not path.startswith("/lfs/"):  # whose address is secret
            return self.answer({"error": "Invalid username or password."}, 401)
        if self.command == "POST" and "/api/repos" in path + "/" and token != MAY_WRITE:
            return self.answer({"error": "You have read access but not the required permissions"}, 403)
        for method, pattern, handle in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in method:
                return handle(self, *match.groups())
        return self.answer({"error": f"no {self.command} {path}"}, 404)

    def read_body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def log_message(self, *arguments):
        pass

    def answer(self, content, status=200, headers=None):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def create(self):
        asked = json.loads(self.body)
        repo = f"{asked['organization']}/{asked['name']}"
        if repo in self.server.repositories:
            return self.answer({"error": "You already created this model repo", "url": self.url(repo)}, 409)
        private = asked.get("private", asked.get("visibility") == "private")  # older clients, and newer ones
        self.server.repositories[repo] = {"private": private, "commits": [], "head": "0" * 40}
        return self.answer({"url": self.url(repo), "name": repo})

    def url(self, repo):
        return f"{self.server.address}/{repo}"

    def info(self, repo):
        if repo not in self.server.repositories:
            return self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        kept = self.server.repositories[repo]
        return self.answer({"id": repo, "private": kept["private"], "sha": kept["head"], "siblings": [], "tags": []})

    def validate(self):
        """Refuses metadata that the hub refuses: no YAML, unknown licences, a model index of another form."""
        block = re.match(r"---\n(.*?)\n---\n", json.loads(self.body)["content"], re.DOTALL)
        content, errors = yaml.safe_load(block[1]), []
        if content.get("license", "mit") not in LICENSES:
            errors.append({"message": f'"license" must be one of {", ".join(LICENSES)}'})
        for result in content.get("model-index", [{"results": []}])[0]["results"]:
            if not {"task", "dataset", "metrics"} <= set(result) or "type" not in result["dataset"]:
                errors.append({"message": "model-index is not of the form that it must have"})
        return self.answer({"errors": errors, "warnings": []}, 400 if errors else 200)

    def preupload(self, repo, revision):
        files = json.loads(self.body)["files"]
        modes = [(file["path"], "lfs" if file["size"] > LARGE else "regular") for file in files]
        return self.answer({"files": [{"path": p, "uploadMode": m, "shouldIgnore": False} for p, m in modes]})

    def batch(self, repo):
        asked = json.loads(self.body)["objects"]
        objects = []
        for each in asked:
            actions = {"upload": {"href": f"{self.server.address}/lfs/{each['oid']}"}}
            known = each["oid"] in self.server.objects
            objects.append({**each} if known else {**each, "actions": actions})
        return self.answer({"transfer": "basic", "objects": objects})

    def store(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.answer({"error": "another digest"}, 400)
        self.server.objects[oid] = self.body
        return self.answer({})

    def commit(self, repo, revision):
        message, files = None, {}
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
        kept = self.server.repositories[repo]
        kept["commits"].append({"message": message, "files": files})
        kept["head"] = hashlib.sha1(self.body).hexdigest()
        return self.answer({"commitUrl": f"{self.url(repo)}/commit/{kept['head']}", "commitOid": kept["head"]})

    def resolve(self, repo, revision, name):
        kept = self.server.repositories.get(repo)
        if kept is None:
            return self.answer({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        if revision not in ("main", kept["head"]):
            return self.answer({"error": "no revision"}, 404, {"X-Error-Code": "RevisionNotFound"})
        files = self.server.files(repo)
        if name not in files:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": kept["head"]}
            return self.answer({"error": "Entry not found"}, 404, headers)
        tag = hashlib.sha256(files[name]).hexdigest()
        return self.answer(files[name], headers={"X-Repo-Commit": kept["head"], "ETag": f'"{tag}"'})


REPO = r"([\w.-]+/[\w.-]+)"
ROUTES = (
    (("POST",), "/api/repos/create", Handler.create),
    (("POST",), "/api/validate-yaml", Handler.validate),
    (("GET",), f"/api/models/{REPO}(?:/revision/main)?", Handler.info),
    (("POST",), f"/api/models/{REPO}/preupload/([^/]+)", Handler.preupload),
    (("POST",), f"/api/models/{REPO}/commit/([^/]+)", Handler.commit),
    (("POST",), f"/{REPO}\\.git/info/lfs/objects/batch", Handler.batch),
    (("PUT",), "/lfs/([0-9a-f]{64})", Handler.store),
    (("GET", "HEAD"), f"/{REPO}/resolve/([^/]+)/(.+)", Handler.resolve),
)

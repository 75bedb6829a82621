"""Who is answered: not pages of elsewhere, and with a token nobody without it."""

from urllib.parse import urlencode

import pytest

TOKEN = "a token-of+16=chars".replace(" ", "_")


@pytest.fixture(scope="module")
def guarded(run):
    with run(token=TOKEN) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("localhost:9999", 200),
        ("LOCALHOST", 200),
        ("[::1]:80", 200),
        ("127.0.0.2:80", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8000", 403),
        ("127.0.0.1@evil.example", 403),
        ("evil.example/login?", 403),
        ("[", 400),
        ("0.0.0.0", 403),
        ("192.168.1.5", 403),
    ],
)
def test_hosts_without_a_token(running, host, status):
    for path in ("/", "/api/info", "/style.css", "/openapi.json"):
        assert running("GET", path, host=host)[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 404),
        ("http://127.0.0.1:1", 403),
        ("http://localhost:{port}", 403),
        ("https://evil.example", 403),
        ("http://127.0.0.1:{port}@evil.example", 403),
        ("null", 403),
        ("", 403),
        (None, 404),
    ],
)
def test_origins(running, origin, status):
    headers = {} if origin is None else {"Origin": origin.format(port=running.port)}
    found, _, answer = running("POST", "/api/undo", {"change": "x"}, **headers)
    assert found == status and list(answer) == ["error"]


def test_forms_of_other_pages_cannot_be_taken_for_json(running):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert running("POST", "/api/undo", b'{"change": "x"}', Content_Type=kind)[0] == 415


def test_nothing_without_the_token(guarded):
    picture = guarded.files[0].read_bytes()
    for method, path, body in (
        ("POST", "/api/search", picture),
        ("GET", "/api/info", None),
        ("GET", "/api/identity?name=x", None),
        ("GET", "/openapi.json", None),
        ("GET", "/search.js", None),
        ("GET", "/nothing", None),
        ("GET", "/thumbnail?id=x", None),
        ("POST", "/api/undo", {"change": "x"}),
        ("POST", "/logout", b""),
    ):
        status, headers, answer = guarded(method, path, body)
        assert status == 401 and headers["WWW-Authenticate"] == "Bearer" and list(answer) == ["error"]
        for wrong in ("Bearer x", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN[:-1]}", "Bearer ü"):
            assert guarded(method, path, body, Authorization=wrong.encode("latin-1"))[0] == 401
    # A forged Host does not make an address another one.
    for host in ("x/login?", "x/login#", "evil/style.css?"):
        assert guarded("GET", "/api/info", host=host)[0] in (400, 401)
    for path in ("/", "/api"):
        status, headers, _ = guarded("GET", path)
        assert status == 303 and headers["Location"] == "/login"


def test_programs_say_the_token(guarded):
    said = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded("GET", "/api/info", **said)[0] == 200
    assert guarded("GET", "/api/info", host="camera-server.example", **said)[0] == 200
    assert guarded("POST", "/api/search", guarded.files[0].read_bytes(), **said)[0] == 200
    described = guarded("GET", "/openapi.json", **said)[2]
    assert described["security"] == [{"token": []}]


def test_people_log_in(guarded):
    assert guarded("GET", "/login")[0] == 200
    for wrong in ("", "token=", "token=x", "x" * 3000, f"token=x&token={TOKEN}"):
        status, headers, page = guarded("POST", "/login", wrong.encode())
        assert status == 403 and "Set-Cookie" not in headers and b"That is not the token." in page
    assert guarded("POST", "/login", b"x" * 5000)[0] == 413
    form = urlencode({"token": TOKEN}).encode()
    assert guarded("POST", "/login", form, Origin="https://evil.example")[0] == 403
    status, headers, _ = guarded("POST", "/login", form)
    assert status == 303 and headers["Location"] == "/"
    cookie, *attributes = headers["Set-Cookie"].lower().split("; ")
    assert {"httponly", "samesite=strict", "path=/"} <= {*attributes} and TOKEN.lower() not in cookie
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert b"Log out" in guarded("GET", "/", Cookie=cookie)[2]
    assert guarded("GET", "/api/info", Cookie=cookie)[0] == 200
    assert guarded("GET", "/api/info", Cookie=cookie[:-1] + "x" * (cookie[-1] != "x"))[0] == 401
    assert guarded("GET", "/api/info", Cookie=cookie.partition("=")[0] + "=")[0] == 401
    status, headers, _ = guarded("POST", "/logout", b"", Cookie=cookie)
    assert status == 303 and "max-age=0" in headers["Set-Cookie"].lower()


def test_what_browsers_may_do_with_answers(running, guarded):
    entry = running.gallery.entries()[0].id
    for service, path in (
        *((running, path) for path in ("/", "/api", "/search.js", "/nothing", "/api/info", f"/thumbnail?id={entry}")),
        *((guarded, path) for path in ("/", "/login", "/api/info")),
    ):
        headers = service("GET", path)[1]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Cache-Control"].startswith(("no-store", "no-cache", "private"))
        assert "server" not in headers

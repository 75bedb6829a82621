"""The pages of the service, and what they are made of."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

ASSETS = {"style.css": "text/css", "search.js": "text/javascript", "icon.svg": "image/svg+xml"}
_environment = Environment(loader=PackageLoader("iaunet_tf.serving.pages", "."), autoescape=True)


def page(name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page, in which all values are escaped."""
    return HTMLResponse(_environment.get_template(name).render(values), status)


def asset(name: str) -> Response:
    """A file of the pages, by its name in `ASSETS`."""
    content = (files(__name__) / name).read_bytes()
    return Response(content, media_type=ASSETS[name], headers={"cache-control": "no-cache"})


def routes() -> list[Route]:
    """The addresses of the files."""

    def serve(name):
        answer = asset(name)

        async def endpoint(request):
            return answer

        return Route(f"/{name}", endpoint)

    return [serve(name) for name in ASSETS]

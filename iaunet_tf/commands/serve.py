"""`iaunet serve GALLERY --model MODEL`: a page to search in."""

import os
from collections.abc import Sequence

from iaunet_tf.commands.arguments import Parser
from iaunet_tf.commands.gallery_options import add_gallery, open_gallery
from iaunet_tf.commands.stated import add_input_options, stated_input
from iaunet_tf.errors import InputError
from iaunet_tf.inference import Embedder

TOKEN = "IAUNET_TOKEN"


def main(arguments: Sequence[str]) -> None:
    """Serves a page on which a picture is searched in a gallery, and the same as JSON for programs, until Ctrl-C."""
    parser = Parser("serve", main.__doc__)
    add_gallery(parser)
    parser.add_argument("--model", required=True, help="the network of the gallery, as iaunet embed takes it")
    host_help = "address to answer on (127.0.0.1: this machine alone); another one needs a token"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=host_help)
    parser.count("--port", 0, 65_535, 8000, "port to answer on; 0 is any free one")
    token_help = f"who does not say it is not answered; better as environment variable {TOKEN}, for others see options"
    parser.add_argument("--token", default=os.environ.get(TOKEN), metavar="TOKEN", help=token_help)
    threshold_help = "the distance below which it may be the same person, 0 to 2 (default: as measured for the network)"
    parser.add_argument("--threshold", type=float, metavar="DISTANCE", help=threshold_help)
    parser.count("--max_upload", 1, 1000, 10, "MiB that a picture may have")
    parser.choice("--device", ("auto", "cpu", "cuda"), "what to compute on; auto takes CUDA if it is there (default)")
    add_input_options(parser)
    options = parser.parse(arguments)
    if options.threshold is not None and not 0 <= options.threshold <= 2:
        raise InputError(f"--threshold must be 0 to 2; received {options.threshold}")
    from iaunet_tf.serving.access import check_token, is_local
    from iaunet_tf.serving.app import Service
    from iaunet_tf.serving.server import Server, address_of, listen

    token = check_token(options.token) if options.token else None
    if token is None and not is_local(options.host):
        raise InputError(f"--host {options.host}: others could ask, too; set a token in {TOKEN}")
    # What is quick to find out first.
    with listen(options.host, options.port) as listening, open_gallery(options) as gallery:
        embed = Embedder(options.model, device=options.device, input=stated_input(options), runtime=options.runtime)
        gallery.require(embed)
        service = Service(gallery, embed, options.threshold, token, options.max_upload << 20)
        print(embed.fed)
        print(f"{gallery.uri}: {len(gallery)} entries at {address_of(listening)}; Ctrl-C ends it", flush=True)
        try:
            Server(service).run(sockets=[listening])
        finally:
            service.close()

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from billing import views

Handler = Callable[[HttpRequest], HttpResponse]
DOOR = re.compile(r"/stripe/webhook/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")


def webhook_door(get_response: Handler) -> Handler:
    """Lets Stripe's deliveries past the other middleware: they bring no session and are shown no page.

    First in the row. What they need is done here and in the view: the host, the method, the size, the signature.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        door = DOOR.fullmatch(request.path_info)
        if door is None:
            return get_response(request)
        request.get_host()  # refuses a foreign one
        response = views.webhook(request, uuid=door[1])
        response.headers["Content-Length"] = str(len(response.content))
        return response

    return middleware

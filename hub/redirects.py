from django.http import HttpResponseRedirect


class SeeOther(HttpResponseRedirect):
    """The answer to every POST that succeeded: go there with GET."""

    status_code = 303

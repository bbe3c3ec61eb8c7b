"""One visit to the Customer Portal: its session, its customer, and what its configuration allows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from sandbox.account import Account
from sandbox.pages.acting import View, in_account
from sandbox.pages.notes import forget_note, leave_note, read_note
from sandbox.pages.rows import merchant_name
from sandbox.pages.security import allow_leaving_to
from sandbox.timelines import timeline_for
from sandbox.types import Obj

# Stripe's portal sessions are short-lived; its documents name no figure. An hour here.
LIFETIME = 3_600


@dataclass
class Visit:
    """``token`` is the end of the session's address: its id."""

    account: Account
    token: str
    session: Obj
    configuration: Obj
    customer: Obj

    @property
    def features(self) -> Obj:
        features: Obj = self.configuration["features"]
        return features

    @property
    def flow(self) -> Obj:
        """The one step this session was made for; empty for a free visit and once the step is done."""
        done = self.account.notes(self.session["id"]).get("flow_done")
        return {} if done else self.session["flow"] or {}

    @property
    def return_url(self) -> str | None:
        url: str | None = self.session["return_url"] or self.configuration["default_return_url"]
        return url

    def own_subscription(self, subscription_id: str) -> Obj:
        """A subscription of this customer. Raises Http404."""
        found = self.account.get("subscription", subscription_id)
        if found["customer"] != self.customer["id"]:
            raise Http404("No such subscription.")
        return found

    def go_home(self) -> HttpResponse:
        response = HttpResponseRedirect(reverse("portal", args=[self.token]))
        response.status_code = 303
        return response


def in_portal(*, feature: str | None = None) -> Callable[[View], View]:
    """Open the session that the address names; 404 where its configuration has the page's ``feature`` off."""

    def decorate(page: View) -> View:
        @in_account
        @wraps(page)
        def run(request: HttpRequest, account: Account, *, token: str, **ids: str) -> HttpResponse:
            visit = open_visit(account, token)
            if visit is None:
                return show_expired(request, account)
            if feature and not visit.features[feature]["enabled"]:
                raise Http404("This is turned off in the portal's configuration.")
            with account.on(timeline_for(account, [visit.customer["id"]], {})):
                return page(request, visit, **ids)

        return run

    return decorate


def open_visit(account: Account, token: str) -> Visit | None:
    """The visit of a portal address, or None where its session is unknown or over."""
    session = account.find("billing_portal.session", token)
    if session is None:
        return None
    customer = account.find("customer", session["customer"])
    if customer is None or customer.get("deleted") or session["created"] + LIFETIME < account.main.now():
        return None
    configuration = account.get("billing_portal.configuration", session["configuration"])
    return Visit(account, token, session, configuration, customer)


def show(
    request: HttpRequest, visit: Visit, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """Render a page of the portal."""
    note = read_note(request)
    profile = visit.configuration["business_profile"]
    home = reverse("portal", args=[visit.token])
    frame = {
        "token": visit.token,
        "session": visit.session,
        "merchant": merchant_name(visit.account),
        "headline": profile["headline"],
        "profile": profile,
        "features": visit.features,
        "return_url": visit.return_url,
        "in_flow": bool(visit.flow),
        "keep_url": visit.return_url or home if visit.flow else home,
        "note": note,
    }
    response = render(request, f"sandbox/portal/{template}.html", frame | context, status=status)
    allow_leaving_to(response, after_flow(visit))
    return forget_note(response) if note else response


def after_flow(visit: Visit) -> str | None:
    """Where a finished flow leads, where the shop named an address."""
    after = visit.flow.get("after_completion") or {}
    return (after.get("redirect") or {}).get("return_url") if after.get("type") == "redirect" else None


def show_done(request: HttpRequest, visit: Visit, *, text: str, title: str = "Done") -> HttpResponse:
    """After a step: home with a note on a free visit; in a flow, what its ``after_completion`` says."""
    if target := after_flow(visit):
        return see(target)
    after = visit.flow.get("after_completion") or {}
    if not visit.flow or after.get("type") == "portal_homepage":
        visit.account.note(visit.session["id"], flow_done=True)
        return leave_note(visit.go_home(), text=text)
    if after.get("type") == "hosted_confirmation":
        text = (after["hosted_confirmation"] or {}).get("custom_message") or text
    visit.account.note(visit.session["id"], done={"title": title, "text": text})
    return see(reverse("portal-done", args=[visit.token]))


def see(url: str) -> HttpResponse:
    """Go there with a GET."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def show_expired(request: HttpRequest, account: Account) -> HttpResponse:
    """A portal address lives an hour: say so, and what to do."""
    context = {
        "merchant": merchant_name(account),
        "title": "This link has expired",
        "text": "Go back to the shop and open your billing page again.",
        "tone": "plain",
    }
    return render(request, "sandbox/checkout/state.html", context, status=410)

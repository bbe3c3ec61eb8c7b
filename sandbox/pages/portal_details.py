"""The portal's billing information: what the configuration lets a customer change of themselves."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from sandbox.answers import address_faults
from sandbox.countries import TAX_IDS
from sandbox.errors import StripeRefusal
from sandbox.pages.acting import call_api
from sandbox.pages.attempts import forget_attempt, keep_attempt, last_attempt
from sandbox.pages.portal_visit import Visit, in_portal, see, show, show_done
from sandbox.pages.questions import Asker, Question, read_address, read_tax_id
from sandbox.tax_ids import has_form
from sandbox.types import Obj

PLAIN: Final = {
    "name": ("Name", "text", "name"),
    "email": ("E-mail", "email", "email"),
    "phone": ("Phone", "tel", "tel"),
}
MODELLED: Final = (*PLAIN, "address", "shipping", "tax_id")


def allowed_details(visit: Visit) -> list[str]:
    """The parts that may be changed, as far as they are modelled."""
    feature = visit.features["customer_update"]
    return [name for name in MODELLED if feature["enabled"] and name in feature["allowed_updates"]]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_portal(feature="customer_update")
def details(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Edit what the configuration lets customers edit."""
    allowed = allowed_details(visit)
    if request.method == "POST":
        return save(request, visit, allowed)
    typed, errors = last_attempt(visit.account, visit.session["id"])
    asker = Asker(known_values(visit) | typed, errors)
    context = {
        "plain": [plain_question(asker, name) for name in PLAIN if name in allowed],
        "billing": asker.address("address", who="billing") if "address" in allowed else (),
        "shipping": shipping_questions(asker) if "shipping" in allowed else (),
        "tax_id": tax_id_questions(visit, asker) if "tax_id" in allowed else (),
        "error": errors.get("form", ""),
    }
    return show(request, visit, "details", context)


def plain_question(asker: Asker, name: str) -> Question:
    label, kind, fill = PLAIN[name]
    return asker.ask(name, label, kind=kind, fill=fill, optional=name == "phone")


def shipping_questions(asker: Asker) -> tuple[Question, ...]:
    return (
        asker.ask("shipping[name]", "Full name", fill="shipping name"),
        *asker.address("shipping[address]", who="shipping"),
    )


def tax_id_questions(visit: Visit, asker: Asker) -> tuple[Question, ...]:
    """Of the kinds that the pages know by name, and the one that the customer has."""
    kinds = {kind: label for kind, (label, _) in TAX_IDS.items()}
    if shown := newest_tax_id(visit):
        kinds.setdefault(shown["type"], shown["type"])
    return (
        asker.ask("tax_id[type]", "Kind of tax ID", kind="select", options=tuple(kinds.items())),
        asker.ask("tax_id[value]", "Tax ID", optional=True, longest=30),
    )


def newest_tax_id(visit: Visit) -> Obj | None:
    return next(iter(visit.account.list("tax_id", customer=visit.customer["id"])), None)


def known_values(visit: Visit) -> dict[str, str]:
    """What the form shows of a customer, by field."""
    customer, tax_id = visit.customer, newest_tax_id(visit) or {}
    shipping = customer["shipping"] or {}
    known = {name: customer[name] for name in PLAIN}
    known |= {f"address[{part}]": value for part, value in (customer["address"] or {}).items()}
    known |= {f"shipping[address][{part}]": value for part, value in (shipping.get("address") or {}).items()}
    known["shipping[name]"] = shipping.get("name")
    known |= {f"tax_id[{part}]": tax_id.get(part) for part in ("type", "value")}
    return {name: value for name, value in known.items() if value}


def save(request: HttpRequest, visit: Visit, allowed: list[str]) -> HttpResponse:
    """Change the customer through the API, or show the form again with what is wrong."""
    wishes, errors = read_details(request.POST, allowed)
    tax_id = {"type": request.POST.get("tax_id[type]", ""), "value": read_tax_id(request.POST, name="tax_id[value]")}
    if "tax_id" in allowed:
        errors |= tax_id_faults(tax_id)
    if not errors:
        try:
            call_api(visit.account, "POST", f"/v1/customers/{visit.customer['id']}", **wishes)
            if "tax_id" in allowed:
                save_tax_id(visit, tax_id)
        except StripeRefusal as refusal:
            errors = {refusal.error.get("param") or "form": str(refusal)}
    if errors:
        keep_attempt(visit.account, visit.session["id"], typed=request.POST.dict(), errors=errors)
        return see(request.path)
    forget_attempt(visit.account, visit.session["id"])
    return show_done(request, visit, title="Saved", text="Your billing information is saved.")


def tax_id_faults(wish: dict[str, str]) -> dict[str, str]:
    is_good = not wish["value"] or has_form(wish["type"], wish["value"])
    return {} if is_good else {"tax_id[value]": "This is not a tax ID of that kind."}


def save_tax_id(visit: Visit, wish: dict[str, str]) -> None:
    """The newest one is shown: what is typed in its place replaces it, and nothing takes it away."""
    path, shown = f"/v1/customers/{visit.customer['id']}/tax_ids", newest_tax_id(visit)
    if shown and wish == {"type": shown["type"], "value": shown["value"]}:
        return
    if shown:
        call_api(visit.account, "DELETE", f"{path}/{shown['id']}")
    if wish["value"]:
        call_api(visit.account, "POST", path, **wish)


def read_details(typed: QueryDict, allowed: list[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """(parameters, errors by field). Whoever leaves an address empty has none; half of one is an error."""
    wishes: dict[str, Any] = {name: typed.get(name, "").strip() for name in PLAIN if name in allowed}
    errors: dict[str, str] = {}
    for name, prefix in (("address", "address"), ("shipping", "shipping[address]")):
        if name not in allowed:
            continue
        address = read_address(typed, prefix=prefix)
        if set(address) <= {"country"}:
            wishes[name] = ""
            continue
        errors |= address_faults(address, param=prefix)
        who = typed.get("shipping[name]", "").strip()
        wishes[name] = address if name == "address" else {"name": who, "address": address}
        if name == "shipping" and not who:
            errors["shipping[name]"] = "Enter the full name."
    return wishes, errors

"""The owner's knobs: the site's, each product's own, and who would gain or lose access before either is saved."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from activities import clock
from activities.doorbell import ring
from billing.connection import active_connection
from billing.forms import PolicyForm
from billing.intake.draining import TASK
from billing.models import AccessPolicy, ProductLink
from billing.rules import policies, policy_change
from billing.rules.knobs import DEFAULTS, say_differences
from billing.rules.policy_change import Change, Moved
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

LISTED = 200


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_POLICY)
def site(request: HttpRequest) -> HttpResponse:
    """The rules of the site, and which products differ."""
    preset = policies.PRESETS.get(request.GET.get("preset", ""))
    knobs = _knobs_of(None) if preset is None else preset
    form = PolicyForm(request.POST or None, knobs=knobs)
    if request.method == "POST" and form.is_valid():
        return _ask_or_save(request, Change(None, form.knobs()))
    context = {"form": form, "products": _products(), "presets": policies.PRESETS, "is_preset": preset is not None}
    return render(request, "billing/policy.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CHANGE_POLICY)
def of_product(request: HttpRequest, pk: int) -> HttpResponse:
    """Where one product differs from the site."""
    product = get_object_or_404(Product, pk=pk)
    form = PolicyForm(request.POST or None, site=DEFAULTS | _knobs_of(None), knobs=_knobs_of(product))
    if request.method == "POST" and form.is_valid():
        return _ask_or_save(request, Change(product, form.knobs()))
    return render(
        request, "billing/policy.html", {"form": form, "product": product}, status=422 if form.errors else 200
    )


def _ask_or_save(request: HttpRequest, change: Change) -> HttpResponse:
    """Shows what would happen; saves what was shown when it comes back with the preview's fingerprint."""
    now, connection = clock.now(), active_connection()
    fingerprint = request.POST.get("fingerprint", "")
    if not fingerprint:
        return _show(request, change, policy_change.preview(change, connection=connection, now=now))
    try:
        saved = policy_change.save(
            change, fingerprint=fingerprint, connection=connection, actor=actor_of(request), now=now
        )
    except Moved as moved:
        return _show(request, change, moved.preview, has_moved=True)
    if saved.subjects:
        ring(TASK)
    messages.success(request, _saved_words(saved))
    return SeeOther(_address(change.product))


def _show(
    request: HttpRequest, change: Change, shown: policy_change.Preview, *, has_moved: bool = False
) -> HttpResponse:
    context = {
        "preview": shown,
        "product": change.product,
        "page": Paginator(shown.effects, LISTED).get_page(request.POST.get("page")),
        "has_moved": has_moved,
        "is_connected": active_connection() is not None,
        "sent": [(name, value) for name, value in request.POST.items() if name in DEFAULTS],
        "back": _address(change.product),
    }
    return render(request, "billing/policy_preview.html", context, status=409 if has_moved else 200)


def _saved_words(saved: policy_change.Preview) -> str:
    if active_connection() is None:
        return "Saved. Stripe is disconnected: whom it concerns is decided when it is connected again."
    if not saved.effects:
        return "Saved. Nobody gains or loses access now."
    return f"Saved. Stripe is being asked: {saved.gaining} gain and {saved.losing} lose access in a moment."


def _address(product: Product | None) -> str:
    return reverse("billing:policy_of", args=[product.pk]) if product else reverse("billing:policy")


def _knobs_of(product: Product | None) -> dict[str, object]:
    row = AccessPolicy.objects.filter(product=product).first()
    return policies.known(row.knobs) if row else {}


def _products() -> list[dict[str, object]]:
    """The products that Stripe opens, and those with rules of their own; how each differs."""
    linked = ProductLink.objects.filter(unlinked_at__isnull=True).values("product")
    differing = AccessPolicy.objects.exclude(knobs={}).filter(product__isnull=False).values("product")
    found = Product.objects.filter(pk__in=linked) | Product.objects.filter(pk__in=differing)
    return [
        {
            "product": product,
            "words": [
                said.replace("as the site → ", "")
                for said in say_differences({}, policies.known(product.access_policy.knobs), unset="as the site")
            ]
            if hasattr(product, "access_policy")
            else [],
        }
        for product in found.select_related("access_policy").order_by("position", "pk")
    ]

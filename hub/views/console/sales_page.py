"""A product's sales page: what it says, its questions and voices, whether it is live."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock
from hub.editing.deeds import note_deed
from hub.editing.forms import QuestionForm, SalesPageForm, TestimonialForm
from hub.editing.sales_pages import begin, put_live
from hub.errors import Refused
from hub.models import Product, SalesPage
from hub.permissions import Permission, actor_of, staff_only
from hub.pictures.following import follow_words
from hub.redirects import SeeOther
from hub.sale import find_sale
from hub.views.console.editor import render_tab

TAB = "console_product_sales"
EMPTY = 1  # rows to write another question or voice into

Questions = forms.formset_factory(QuestionForm, extra=EMPTY, max_num=40)
Testimonials = forms.formset_factory(TestimonialForm, extra=EMPTY, max_num=40)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.EDIT_PRODUCTS)
def sales_page(request: HttpRequest, pk: int) -> HttpResponse:
    """While there is none yet, `?like=` fills the form in with an outline, or with another product's page."""
    product = get_object_or_404(Product, pk=pk)
    if request.method != "POST":
        stored = SalesPage.objects.filter(product=product).first()
        row = stored or begin(product, like=request.GET.get("like", ""))
        return _show(request, product, SalesPageForm(instance=row), *_lists(row))
    with transaction.atomic():
        Product.objects.select_for_update().get(pk=pk)  # two first versions would be two rows
        row = SalesPage.objects.filter(product=product).first() or SalesPage(product=product)
        form, questions, testimonials = SalesPageForm(request.POST, instance=row), *_lists(row, request.POST)
        if not (form.may_save and questions.is_valid() and testimonials.is_valid()):
            return _show(request, product, form, questions, testimonials)
        row.questions, row.testimonials = _rows(questions), _rows(testimonials)
        form.save()
        follow_words(product, now=clock.now())
        note_deed(product, "edited the sales page", actor=actor_of(request), now=clock.now())
    messages.success(request, "Saved.")
    return SeeOther(reverse(f"hub:{TAB}", args=[pk]))


@require_POST
@staff_only(Permission.EDIT_PRODUCTS)
def live(request: HttpRequest, pk: int) -> HttpResponse:
    page = get_object_or_404(SalesPage.objects.select_related("product"), product=pk)
    is_live = request.POST.get("live") == "1"
    try:
        put_live(page, is_live=is_live, actor=actor_of(request), now=clock.now())
    except Refused as error:
        messages.error(request, str(error))
    else:
        state = "live" if is_live else "a draft: only owners and admins see it"
        messages.success(request, f"The sales page is {state}.")
    return SeeOther(reverse(f"hub:{TAB}", args=[pk]))


def _lists(row: SalesPage, given: Any = None) -> tuple[Any, Any]:
    return (
        Questions(given, prefix="questions", initial=row.questions),
        Testimonials(given, prefix="testimonials", initial=row.testimonials),
    )


def _rows(formset: Any) -> list[dict[str, str]]:
    """What was filled in; emptied rows fall out."""
    return [form.cleaned_data for form in formset if any(form.cleaned_data.values())]


def _show(request: HttpRequest, product: Product, form: SalesPageForm, questions: Any, voices: Any) -> HttpResponse:
    wrong = any(any(errors) for formset in (questions, voices) if formset.is_bound for errors in formset.errors)
    context = {
        "form": form,
        "wrong": wrong,
        "lists": [
            (questions, "Questions", "What people ask before they buy. Another empty row appears when you save."),
            (voices, "What people say", "With their permission."),
        ],
        "sales": SalesPage.objects.filter(product=product).first(),
        "sale": find_sale(product),
        "patterns": Product.objects.filter(sales_page__isnull=False).exclude(pk=product.pk),
    }
    return render_tab(request, product.pk, "sales.html", context, tab=TAB, status=422 if wrong else form.status)

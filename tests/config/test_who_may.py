"""Every address of the site, by every role: who comes in, who is asked to sign in, who is refused.

A new address needs a row here, so that somebody has thought about who may come to it.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver, reverse
from django.urls.converters import IntConverter, UUIDConverter

from activities.doors import staff_only
from hub.models import Product, User
from hub.roles import MAY, Permission, Role
from tests import cast


class Public(Enum):
    EVERYBODY = "everybody, each to what is theirs"
    MEMBERS = "whoever is signed in"
    THEIRS = "whose it is: here nobody's"
    ON_THE_WAY_IN = "whoever has begun to sign in; others begin"


EVERYBODY, MEMBERS, THEIRS, ON_THE_WAY_IN = Public
IN, SIGN_IN, REFUSED = "in", "asked to sign in", "refused"
ELSEWHERE, NOTHING, NOT_SO = "sent elsewhere", "nothing there", "not by this method"
Address = tuple[str, dict[str, Any]]
May = Permission
WHO: dict[str, Public | Permission] = {
    "healthz": EVERYBODY,
    "readyz": EVERYBODY,
    "health": May.SEE_CONSOLE,
    "hub:theme": EVERYBODY,
    "hub:icon": EVERYBODY,
    "hub:favicon": EVERYBODY,
    "hub:picture": EVERYBODY,
    "hub:library": EVERYBODY,
    "hub:product": EVERYBODY,
    "hub:page": EVERYBODY,
    "hub:buy": EVERYBODY,
    "billing:webhook": EVERYBODY,
    "billing:return": EVERYBODY,
    "billing:checkout": MEMBERS,
    "account_login": EVERYBODY,
    "account_logout": EVERYBODY,
    "account_signup": EVERYBODY,
    "account_inactive": EVERYBODY,
    "account_request_login_code": EVERYBODY,
    "account_confirm_login_code": ON_THE_WAY_IN,
    "account_reset_password": EVERYBODY,
    "account_confirm_password_reset_code": ON_THE_WAY_IN,
    "account_complete_password_reset": EVERYBODY,
    "account_password_reset_completed": EVERYBODY,
    "account_email_verification_sent": ON_THE_WAY_IN,
    "mfa_authenticate": ON_THE_WAY_IN,
    "mfa_login_webauthn": ON_THE_WAY_IN,
    "hub:complete": MEMBERS,
    "hub:own_data": MEMBERS,
    "hub:own_erase": MEMBERS,
    "hub:profile": MEMBERS,
    "hub:reenter": MEMBERS,
    "billing:account": MEMBERS,
    "billing:portal": MEMBERS,
    "billing:keep": THEIRS,
    "billing:resume": THEIRS,
    "account_email": MEMBERS,
    "account_reauthenticate": MEMBERS,
    "account_change_password": MEMBERS,
    "account_set_password": MEMBERS,
    "mfa_index": MEMBERS,
    "mfa_reauthenticate": MEMBERS,
    "mfa_activate_totp": MEMBERS,
    "mfa_deactivate_totp": MEMBERS,
    "mfa_view_recovery_codes": MEMBERS,
    "mfa_generate_recovery_codes": MEMBERS,
    "mfa_download_recovery_codes": MEMBERS,
    "mfa_list_webauthn": MEMBERS,
    "mfa_add_webauthn": MEMBERS,
    "mfa_reauthenticate_webauthn": MEMBERS,
    "mfa_remove_webauthn": MEMBERS,
    "mfa_edit_webauthn": MEMBERS,
    "usersessions_list": MEMBERS,
    "hub:console": May.SEE_CONSOLE,
    "hub:console_products": May.SEE_PRODUCTS,
    "hub:console_products_order": May.EDIT_PRODUCTS,
    "hub:console_product_move": May.EDIT_PRODUCTS,
    "hub:console_contents": May.EDIT_PRODUCTS,
    "hub:console_item_move": May.EDIT_PRODUCTS,
    "hub:console_product_new": May.EDIT_PRODUCTS,
    "hub:console_categories": May.EDIT_PRODUCTS,
    "hub:console_categories_order": May.EDIT_PRODUCTS,
    "hub:console_category": May.EDIT_PRODUCTS,
    "hub:console_category_move": May.EDIT_PRODUCTS,
    "hub:console_category_delete": May.EDIT_PRODUCTS,
    "hub:console_product": May.EDIT_PRODUCTS,
    "hub:console_product_content": May.EDIT_PRODUCTS,
    "hub:console_product_settings": May.EDIT_PRODUCTS,
    "hub:console_product_sales": May.EDIT_PRODUCTS,
    "hub:console_product_sales_live": May.EDIT_PRODUCTS,
    "hub:console_product_activity": May.EDIT_PRODUCTS,
    "hub:console_product_cover": May.EDIT_PRODUCTS,
    "hub:console_product_live": May.EDIT_PRODUCTS,
    "hub:console_product_duplicate": May.EDIT_PRODUCTS,
    "hub:console_product_archive": May.EDIT_PRODUCTS,
    "hub:console_product_unarchive": May.EDIT_PRODUCTS,
    "hub:console_publish_all": May.EDIT_PRODUCTS,
    "hub:console_section_new": May.EDIT_PRODUCTS,
    "hub:console_page_new": May.EDIT_PRODUCTS,
    "hub:console_pages_arrange": May.EDIT_PRODUCTS,
    "hub:console_section": May.EDIT_PRODUCTS,
    "hub:console_section_move": May.EDIT_PRODUCTS,
    "hub:console_section_delete": May.EDIT_PRODUCTS,
    "hub:console_page": May.EDIT_PRODUCTS,
    "hub:console_page_move": May.EDIT_PRODUCTS,
    "hub:console_page_publish": May.EDIT_PRODUCTS,
    "hub:console_page_delete": May.EDIT_PRODUCTS,
    "hub:console_people": May.SEE_PEOPLE,
    "hub:console_people_export": May.EXPORT_PEOPLE,
    "hub:console_add": May.ADD_PEOPLE,
    "hub:console_add_file": May.ADD_PEOPLE,
    "hub:console_batches": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_choose": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_details": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_start": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_go_on": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_stop": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_undo": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_discard": May.CHANGE_ACCESS_OF_MANY,
    "hub:console_batch_rows": May.EXPORT_PEOPLE,
    "hub:console_person": May.SEE_PEOPLE,
    "hub:console_invite": May.HELP_PEOPLE,
    "hub:console_see": May.SEE_AS_MEMBER,
    "hub:console_see_stop": May.SEE_AS_MEMBER,
    "hub:console_deactivate": May.DEACTIVATE_PEOPLE,
    "hub:console_reactivate": May.DEACTIVATE_PEOPLE,
    "hub:console_export_person": May.EXPORT_PEOPLE,
    "hub:console_erase": May.ERASE_PEOPLE,
    "hub:console_note_new": May.WRITE_NOTES,
    "hub:console_note": May.WRITE_NOTES,
    "hub:console_move": May.RECOVER_ACCOUNTS,
    "hub:console_look": May.HELP_PEOPLE,
    "hub:console_send_again": May.HELP_PEOPLE,
    "hub:console_remove_factors": May.RECOVER_ACCOUNTS,
    "hub:console_give": May.CHANGE_ACCESS,
    "hub:console_revoke": May.CHANGE_ACCESS,
    "hub:console_restore": May.CHANGE_ACCESS,
    "hub:console_staff": May.MANAGE_STAFF,
    "hub:console_staff_invite": May.MANAGE_STAFF,
    "hub:console_staff_role": May.MANAGE_STAFF,
    "hub:console_settings": May.CHANGE_SITE,
    "hub:console_logo": May.CHANGE_SITE,
    "hub:console_letter": May.CHANGE_SITE,
    "hub:console_letter_preview": May.CHANGE_SITE,
    "hub:console_letter_test": May.CHANGE_SITE,
    "hub:console_letter_reset": May.CHANGE_SITE,
    "activities:feed": May.SEE_ACTIVITY,
    "activities:export": May.EXPORT_ACTIVITY,
    "billing:console": May.CONNECT_STRIPE,
    "billing:disconnect": May.CONNECT_STRIPE,
    "billing:look_at_endpoint": May.CONNECT_STRIPE,
    "billing:repair_endpoint": May.CONNECT_STRIPE,
    "billing:roll_secret": May.CONNECT_STRIPE,
    "billing:end_overlap": May.CONNECT_STRIPE,
    "billing:keep_secret": May.CONNECT_STRIPE,
    "billing:portal_settings": May.CONNECT_STRIPE,
    "billing:policy": May.CHANGE_POLICY,
    "billing:policy_of": May.CHANGE_POLICY,
    "billing:decide": May.SEE_QUESTIONS,
    "billing:settle": May.SETTLE_QUESTIONS,
    "billing:close_left_behind": May.CLOSE_TEST_PURCHASES,
    "billing:imports": May.IMPORT_PURCHASES,
    "billing:import": May.IMPORT_PURCHASES,
    "billing:import_rows": May.IMPORT_PURCHASES,
    "billing:import_apply": May.IMPORT_PURCHASES,
    "billing:import_forget": May.IMPORT_PURCHASES,
    "billing:import_undo": May.IMPORT_PURCHASES,
    "billing:import_stop": May.IMPORT_PURCHASES,
    "billing:import_resume": May.IMPORT_PURCHASES,
    "billing:ask_stripe": May.HELP_PEOPLE,
    "billing:ask_whose": May.HELP_PEOPLE,
    "billing:brake": May.SEE_QUESTIONS,
    "billing:close_brake": May.CLOSE_STOPPED_PASS,
    "billing:compare_again": May.SETTLE_QUESTIONS,
    "billing:failed_events": May.SEE_QUESTIONS,
    "billing:failed_event": May.SEE_QUESTIONS,
    "billing:try_events": May.HELP_PEOPLE,
    "billing:replay": May.REPLAY_EVENTS,
    "billing:replay_all": May.REPLAY_EVENTS,
    "billing:dismiss_event": May.REPLAY_EVENTS,
    "billing:payer": May.ATTACH_PAYERS,
    "billing:take_payer_back": May.ATTACH_PAYERS,
    "billing:link": May.LINK_PRODUCTS,
    "billing:create": May.LINK_PRODUCTS,
    "billing:offers": May.LINK_PRODUCTS,
    "billing:new_price": May.LINK_PRODUCTS,
    "billing:look_at_product": May.LINK_PRODUCTS,
    "billing:put_on_sale": May.LINK_PRODUCTS,
    "billing:unlink": May.LINK_PRODUCTS,
    "billing:live": May.LINK_PRODUCTS,
}
# The table once more, from the side that matters most: what is not for support, and what is for owners alone.
NOT_FOR_SUPPORT = {
    May.ADD_PEOPLE,
    May.CHANGE_ACCESS_OF_MANY,
    May.DEACTIVATE_PEOPLE,
    May.EXPORT_PEOPLE,
    May.EXPORT_ACTIVITY,
    May.ERASE_PEOPLE,
    May.EDIT_PRODUCTS,
    May.PREVIEW_PRODUCTS,
    May.LINK_PRODUCTS,
    May.IMPORT_PURCHASES,
    May.SETTLE_QUESTIONS,
    May.REPLAY_EVENTS,
    May.CHANGE_SITE,
}
FOR_OWNERS_ALONE = {
    May.CONNECT_STRIPE,
    May.CHANGE_POLICY,
    May.CLOSE_TEST_PURCHASES,
    May.CLOSE_STOPPED_PASS,
    May.RECOVER_ACCOUNTS,
    May.MANAGE_STAFF,
    May.FAVOUR_ONESELF,
}
STRANGER = "stranger"


def addresses(patterns: list[Any], space: str = "", given: dict[str, Any] | None = None) -> Iterator[Address]:
    """Every address of the site but Django's admin, which has tests of its own: name, and what its path holds."""
    for pattern in patterns:
        converters = (given or {}) | pattern.pattern.converters
        if isinstance(pattern, URLPattern):
            yield f"{space}{pattern.name or pattern.pattern}", converters
        elif pattern.namespace != "admin":
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from addresses(pattern.url_patterns, inner, converters)


ADDRESSES = dict(addresses(get_resolver().url_patterns))


def path_of(name: str, *, person: User, product: Product) -> str:
    """An address that leads somewhere where it can: to this person, to this product."""
    given: dict[str, Any] = {}
    for parameter, converter in ADDRESSES[name].items():
        match converter:
            case IntConverter():
                given[parameter] = person.pk
            case UUIDConverter():
                given[parameter] = "00000000-0000-4000-8000-000000000000"
            case _:
                given[parameter] = product.slug
    return reverse(name, kwargs=given)


def outcome(browser: Client, method: str, path: str) -> str:
    """What the door says: one of the words below, else that somebody is in."""
    answer = browser.generic(method, path)
    if 300 <= answer.status_code < 400:
        return SIGN_IN if answer["Location"].startswith(reverse("account_login")) else ELSEWHERE
    return {401: SIGN_IN, 403: REFUSED, 404: NOTHING, 405: NOT_SO}.get(answer.status_code, IN)


def accepted(who: Public | Permission, role: str, method: str) -> set[str]:
    """What may come of it. Some addresses that are only posted to send whoever opens them to the page before."""
    inside, looking = {IN, ELSEWHERE, NOTHING, NOT_SO}, {ELSEWHERE, NOTHING} if method == "GET" else set()
    if who is EVERYBODY:
        return inside
    if who is ON_THE_WAY_IN:
        return inside | {SIGN_IN}
    if isinstance(who, Permission):
        if role == STRANGER:
            return {SIGN_IN, NOT_SO}
        return inside if who in MAY[Role(role)] else {REFUSED, NOT_SO}
    if role == STRANGER:
        return {SIGN_IN, NOT_SO} | looking
    return {REFUSED, NOT_SO} | looking if who is THEIRS else inside


def test_every_address_has_a_row() -> None:
    assert set(ADDRESSES) == set(WHO)


def test_every_permission_is_somebodys_decision() -> None:
    assert frozenset(Permission) == MAY[Role.OWNER]
    assert MAY[Role.OWNER] - MAY[Role.ADMIN] == FOR_OWNERS_ALONE
    assert MAY[Role.ADMIN] - MAY[Role.SUPPORT] == NOT_FOR_SUPPORT
    assert not MAY[Role.MEMBER]


@pytest.mark.parametrize("role", [STRANGER, *Role.values])
def test_every_address_lets_in_whom_the_table_names(db: None, role: str) -> None:
    """With GET and with POST. What takes only one of them refuses the other to everybody alike."""
    person, product = cast.dan(), cast.ProductFactory(slug="wheel")
    cast.PageFactory(product=product, slug="wheel")
    wrong = []
    for name, who in WHO.items():
        for method in ("GET", "POST"):
            browser = Client()
            if role != STRANGER:
                user, _ = User.objects.get_or_create(email=f"{role}@example.org", defaults={"role": role})
                browser.force_login(user)
            got = outcome(browser, method, path_of(name, person=person, product=product))
            if got not in accepted(who, role, method):
                wrong.append(f"{method} {name}: {got}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("role", Role.values)
def test_whoever_is_deactivated_may_nothing(db: None, role: str) -> None:
    user = cast.UserFactory(role=role, is_active=False)
    assert not any(user.may(permission) for permission in Permission)


def test_a_door_whose_permission_stands_in_no_table_opens_to_nobody(rf: RequestFactory, owner: User) -> None:
    request = rf.get("/")
    request.user = owner
    with pytest.raises(PermissionDenied):
        staff_only("see_everthing")(lambda _request: HttpResponse())(request)

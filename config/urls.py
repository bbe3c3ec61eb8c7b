from functools import partial

from allauth.account.decorators import reauthentication_required, secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from config import health
from hub.views import entrance, own_account, second_factors

# Staff sign in, and change their password, as everybody does: this has to come before the admin's addresses are read.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = RedirectView.as_view(pattern_name="account_change_password")  # type: ignore[assignment, method-assign]

still_there = partial(reauthentication_required, app="allauth.account")

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("health/", health.report, name="health"),
    path("admin/", admin.site.urls),
    path("accounts/login/", entrance.SignInView.as_view(), name="account_login"),
    path("accounts/login/code/confirm/", entrance.EnterCodeView.as_view(), name="account_confirm_login_code"),
    path("accounts/signup/", entrance.JoinView.as_view(), name="account_signup"),
    # allauth asks again before everything but these two.
    path("accounts/password/set/", still_there(own_account.SetPasswordView.as_view()), name="account_set_password"),
    path("accounts/password/change/", own_account.ChangePasswordView.as_view(), name="account_change_password"),
    path("accounts/sessions/", still_there(own_account.sessions, allow_get=True), name="usersessions_list"),
    path("accounts/2fa/authenticate/", second_factors.ConfirmView.as_view(), name="mfa_authenticate"),
    path("accounts/2fa/totp/activate/", second_factors.AddAppView.as_view(), name="mfa_activate_totp"),
    path("accounts/2fa/webauthn/add/", second_factors.AddPasskeyView.as_view(), name="mfa_add_webauthn"),
    path("accounts/", include("allauth.urls")),
    path("", include("activities.urls")),
    path("", include("billing.urls")),
    path("", include("hub.urls")),
]

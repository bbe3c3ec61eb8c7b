from django.urls import path

from hub.views import library, products, profile, reentry, sales, theme
from hub.views.console import helping, overview, people
from hub.views.console import products as console_products

app_name = "hub"
urlpatterns = [
    path("", library.library, name="library"),
    path("theme.css", theme.theme, name="theme"),
    path("icon.svg", theme.icon, name="icon"),
    path("favicon.ico", theme.icon, name="favicon"),
    path("products/<slug:slug>/", products.product, name="product"),
    path("products/<slug:slug>/<slug:page>/", products.page, name="page"),
    path("products/<slug:slug>/<slug:page>/complete/", products.complete, name="complete"),
    path("buy/<slug:slug>/", sales.buy, name="buy"),
    path("account/profile/", profile.profile, name="profile"),
    path("accounts/reauthenticate/code/", reentry.reenter, name="reenter"),
    path("console/", overview.overview, name="console"),
    path("console/products/", console_products.products, name="console_products"),
    path("console/people/", people.people, name="console_people"),
    path("console/people/export/", people.export, name="console_people_export"),
    path("console/people/<int:pk>/", people.person, name="console_person"),
    path("console/people/<int:pk>/address/", people.move, name="console_move"),
    path("console/people/<int:pk>/look/", helping.look, name="console_look"),
    path("console/people/<int:pk>/access-again/<slug:slug>/", helping.send_again, name="console_send_again"),
    path("console/people/<int:pk>/second-factors/", helping.remove_factors, name="console_remove_factors"),
    path("console/people/<int:pk>/give/", people.give, name="console_give"),
    path("console/grants/<int:pk>/revoke/", people.revoke, name="console_revoke"),
    path("console/grants/<int:pk>/restore/", people.restore, name="console_restore"),
]

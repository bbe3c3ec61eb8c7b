from django.urls import include, path

urlpatterns = [path("peer/", include("djstripe.urls", namespace="djstripe")), path("", include("config.urls"))]

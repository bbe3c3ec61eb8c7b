"""The site's addresses without those of whoever sells."""

from config.urls import urlpatterns as everything

urlpatterns = [found for found in everything if getattr(found, "app_name", "") != "billing"]

from django.urls import path

from activities import views

app_name = "activities"
urlpatterns = [
    path("console/activity/", views.feed, name="feed"),
    path("console/activity.csv", views.export, name="export"),
]

from django.urls import path

from captions import production_views, views

app_name = "captions"
urlpatterns = [
    path("", views.review_queue, name="queue"),
    path("next/", views.next_image, name="next"),
    path("figures/", production_views.figures, name="figures"),
    path("<int:pk>/", views.review, name="review"),
    path("<int:pk>/approve", views.approve, name="approve"),
    path("<int:pk>/reject", views.reject, name="reject"),
    path("<int:pk>/skip", views.skip, name="skip"),
    path("<int:pk>/hold", views.hold, name="hold"),
    path("<int:pk>/publish", views.publish_now, name="publish_now"),
    path("<int:pk>/reopen", views.reopen, name="reopen"),
    path("<int:pk>/requeue", views.requeue, name="requeue"),
    path("<int:pk>/redraft", views.redraft, name="redraft"),
    path("<int:pk>/put-away", views.put_away, name="put_away"),
    path("<int:pk>/drafting", views.drafting, name="drafting"),
    path("<int:pk>/decorative", views.decorative, name="decorative"),
    path("<int:pk>/picture", views.picture, name="picture"),
]

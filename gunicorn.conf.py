"""Read by gunicorn of itself where it is started in this folder."""

worker_class = "config.web.Worker"
limit_request_line = 8190  # bytes, the most that gunicorn takes

"""Sentiment analysis by four tools at once: a Django application whose work is done in Workmill workers.

`python manage.py` in this folder does what it does in any Django project; `python -m examples.sentiment` starts the
web server and two workers.
"""

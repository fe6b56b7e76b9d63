"""The Workmill application, apart from its tasks: Django's settings name it before there are models."""

from workmill import App

app = App()

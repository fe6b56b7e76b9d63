"""Sets Django up, as a plugin of pytest: before the tests are imported."""

import django

django.setup()

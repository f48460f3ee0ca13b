"""The Django application; "python3 -m django migrate --run-syncdb --settings shop.settings" makes its tables."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()

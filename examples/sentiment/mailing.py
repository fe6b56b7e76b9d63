"""The e-mail with the results: into a file, or to a server where SENTIMENT_SMTP names one."""

from django.core.mail import EmailMessage  # type: ignore[import-untyped] # it has no types
from django.template.loader import render_to_string  # type: ignore[import-untyped] # likewise
from django.utils import timezone  # type: ignore[import-untyped] # likewise

from examples.sentiment.models import Request, State
from examples.sentiment.tools import TOOLS


def send_mail(request_id: str, round_number: int) -> None:
    """Send the results of a request, unless that was done or they are not there any more."""
    this = Request.objects.filter(id=request_id, round=round_number, state=State.SUCCESS, mailed_at=None)
    request = this.defer("text").first()
    if request is None:
        return
    EmailMessage(
        subject=f"Sentiment of {request.name}",
        body=render_to_string("mail.txt", {"request": request, "tools": TOOLS}),
        to=[request.email],
        headers={"Message-ID": f"<{request_id}.{round_number}@sentiment.invalid>"},
    ).send()
    this.update(mailed_at=timezone.now())

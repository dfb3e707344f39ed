"""The pages that App Service itself shows."""

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font-family: "Segoe UI", sans-serif; margin: 4rem; color: #333 }} h1 {{ font-weight: 300 }}</style>
</head><body><h1>{heading}</h1><p>{text}</p></body></html>
"""

STOPPED = _PAGE.format(
    title="Web App - Unavailable",
    heading="Error 403 - This web app is stopped.",
    text="The web app you have attempted to reach is currently stopped and does not accept any requests. "
    "Please try to reload the page or visit it again soon.",
)
APPLICATION_ERROR = _PAGE.format(
    title="Application Error",
    heading=":( Application Error",
    text="If you are the application administrator, you can access the diagnostic resources.",
)
WELCOME = _PAGE.format(
    title="Microsoft Azure App Service - Welcome",
    heading="Your web app is running and waiting for your content",
    text="Your web app is live, but we don't have your content yet.",
)
SCM_AWAY = _PAGE.format(
    title="503 Service Unavailable",
    heading="Service Unavailable",
    text="The service is temporarily unavailable. Try again later.",
)

"""Write what was measured of the rephrase detector as a page."""


def page() -> str:
    return ""

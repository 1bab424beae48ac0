"""Every relative link leads somewhere, and every promise of the README to a test."""

import pytest

from tests.docs.documents import PROJECT, anchors, documents, links


@pytest.mark.parametrize("document", documents(), ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_relative_link_leads_to_something_that_is_there(document):
    broken = []
    for link in links(document):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []

"""The generated pages are current and leave nothing out."""

from perdure.domain import limits
from perdure.v1.error_reason_pb2 import ErrorReason
from scripts.reference_pages import DOCS, PAGES, stale
from tests.docs.documents import PROJECT


def test_the_pages_are_what_the_code_yields():
    assert stale(DOCS) == []


def test_a_changed_and_a_missing_page_are_seen(tmp_path):
    for name, document in PAGES.items():
        (tmp_path / name).write_text(document(), encoding="utf-8")
    assert stale(tmp_path) == []
    (tmp_path / "limits.md").write_text("# Limits\n", encoding="utf-8")
    (tmp_path / "errors.md").unlink()
    assert stale(tmp_path) == ["errors.md", "limits.md"]


def test_every_reason_of_the_contract_is_told():
    page = PAGES["errors.md"]()
    reasons = [name for name in ErrorReason.keys() if name != "ERROR_REASON_UNSPECIFIED"]  # noqa: SIM118
    assert [reason for reason in reasons if f"| `{reason}` |" not in page] == []


def test_every_limit_of_the_rules_is_told():
    program = (PROJECT / "scripts" / "limits_page.py").read_text(encoding="utf-8")
    constants = [name for name in vars(limits) if name.isupper() and name != "SECOND"]
    assert [name for name in constants if name not in program] == []

"""Names fit to be shown and saved."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.filename import display_name, for_part

NAMEISH = st.lists(
    st.sampled_from([*"/\\:. ~ab\x00\u202e\u200b\ud800é", "con", "C:", ".pdf", "é" * 120])
).map("".join)


@pytest.mark.parametrize(
    ("original", "shown"),
    [
        pytest.param("po 4711.pdf", "po 4711.pdf", id="as it is"),
        pytest.param("Bestellung Müller.pdf", "Bestellung Müller.pdf", id="umlauts"),
        pytest.param("../../etc/passwd", "passwd", id="a path"),
        pytest.param("C:\\Users\\a\\b.xls", "b.xls", id="a Windows path"),
        pytest.param("C:b.xls", "b.xls", id="a drive letter"),
        pytest.param("folder/", "folder", id="a folder"),
        pytest.param(".htaccess", "htaccess", id="a leading dot"),
        pytest.param("a.pdf. ", "a.pdf", id="trailing dots and blanks"),
        pytest.param("a\r\n\tb.pdf", "a b.pdf", id="line breaks"),
        pytest.param("a\x00\x1b[31m.pdf", "a[31m.pdf", id="controls"),
        pytest.param("invoice\u202efdp.exe", "invoicefdp.exe", id="direction marks"),
        pytest.param("a\u200b\ufeffb.pdf", "ab.pdf", id="zero width"),
        pytest.param("u\u0308.pdf", "ü.pdf", id="composed"),
        pytest.param('a<b>"c|d?*.pdf', "a_b__c_d__.pdf", id="letters Windows keeps"),
        pytest.param("NUL.txt", "_NUL.txt", id="a device"),
        pytest.param("\ud800", "unnamed", id="lone surrogate"),
        pytest.param("..", "unnamed", id="dots"),
        pytest.param("", "unnamed", id="nothing"),
        pytest.param("x" * 300 + ".pdf", "x" * 251 + ".pdf", id="long, the extension stays"),
        pytest.param("é" * 300 + ".pdf", "é" * 125 + ".pdf", id="long in bytes"),
        pytest.param("x" * 300, "x" * 255, id="long without extension"),
        pytest.param("x." + "y" * 300, "x." + "y" * 253, id="a long extension is none"),
    ],
)
def test_a_name_is_made_fit(original: str, shown: str) -> None:
    assert display_name(original) == shown


@pytest.mark.parametrize(
    ("original", "content_type", "shown"),
    [
        ("a.pdf", "text/plain", "a.pdf"),
        ("", "application/pdf", "unnamed-2.1.pdf"),
        ("/", "message/rfc822", "unnamed-2.1.eml"),
        ("", "application/x-unheard-of", "unnamed-2.1"),
    ],
)
def test_a_part_without_a_name_is_called_after_its_place(
    original: str, content_type: str, shown: str
) -> None:
    assert for_part(original, content_type, "2.1") == shown


@given(st.one_of(st.text(), NAMEISH))
def test_no_name_whatever_leaves_its_folder(original: str) -> None:
    shown = display_name(original)

    assert shown not in {"", ".", ".."}
    assert not set(shown) & set("/\\\x00")
    assert len(shown.encode()) <= 255


@given(st.one_of(st.text(), NAMEISH))
def test_a_fit_name_stays_as_it_is(original: str) -> None:
    shown = display_name(original)

    assert display_name(shown) == shown

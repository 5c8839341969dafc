from __future__ import annotations

import random

import pytest

from ingest.loaders.encodings import decode, detect_encoding, looks_binary

SENTENCES = {
    "utf-8": "Größe, naïve, 東京, Ωμέγα — “quoted”.",
    "utf-8-sig": "Größe, naïve, 東京.",
    "utf-16": "Größe, naïve, 東京.",
    "utf-16-le": "Plain words in UTF-16 without a mark, and 12 numbers.",
    "utf-16-be": "Plain words in UTF-16 without a mark, and 12 numbers.",
    "utf-32": "Größe, naïve, 東京.",
    "utf-32-le": "Plain words in UTF-32 without a mark.",
    "cp1252": "Größe und Straße: über die Brücke. Café français, señor, “so”.",
    "cp1250": "Zażółć gęślą jaźń. Pchnąć w tę łódź jeża lub ośm skrzyń fig.",
    "cp1251": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "koi8-r": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "shift_jis": "これは日本語の文章です。検索エンジンは文書を読みます。",
    "gb18030": "这是一个中文句子，用来测试编码检测功能。",
    "big5": "這是一個中文句子，用來測試編碼檢測功能。",
    "euc_kr": "이것은 한국어 문장입니다. 인코딩 감지를 테스트합니다.",
    "iso8859_7": "Αυτό είναι ένα ελληνικό κείμενο για δοκιμή.",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_text_is_read_in_whatever_encoding_it_was_written(encoding: str) -> None:
    text = SENTENCES[encoding]
    data = text.encode(encoding)
    assert not looks_binary(data)
    assert decode(data).lstrip("\ufeff") == text


def test_an_invalid_byte_costs_one_character_not_the_file() -> None:
    assert decode(b"\xef\xbb\xbfabc\xffdef") == "abc\ufffddef"


def test_a_character_cut_by_the_end_of_the_head_is_still_utf8() -> None:
    assert detect_encoding("naïve 東".encode()[:-1]) == "utf-8"


def test_random_bytes_are_binary() -> None:
    assert looks_binary(random.Random(7).randbytes(5000))


def test_bytes_without_nul_but_full_of_controls_are_binary() -> None:
    assert looks_binary(bytes([1, 2, 3, 4, 65, 66]) * 100)


def test_an_escape_sequence_or_a_form_feed_does_not_make_text_binary() -> None:
    assert not looks_binary(b"\x1b[1mbold\x1b[0m\x0c page two " * 10)

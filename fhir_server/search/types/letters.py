"""Letters as people type them who do not have them on their keyboard: without accents, strokes and ligatures.

Rule: strings and words are compared by one spelling. What Unicode decomposes needs no table; those of the table are
letters of their own to it. They become what passports write (ICAO Doc 9303, part 3, section 6), but for ø, which is an
o where one types `Sorensen`.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_PLAIN: Final = str.maketrans({
    "æ": "ae", "ð": "d", "ø": "o", "þ": "th", "đ": "d", "ħ": "h", "ı": "i", "ĸ": "q", "ł": "l", "ŋ": "n", "œ": "oe",
    "ŧ": "t", "ə": "e", "ǝ": "e",
    # with a stroke or bar
    "ƀ": "b", "ȼ": "c", "ɇ": "e", "ǥ": "g", "ɨ": "i", "ɉ": "j", "ƚ": "l", "ɵ": "o", "ɍ": "r", "ʉ": "u", "ɏ": "y",
    "ƶ": "z", "ȷ": "j",
    # with a hook, and open: African languages
    "ɓ": "b", "ƈ": "c", "ɗ": "d", "ɖ": "d", "ɛ": "e", "ƒ": "f", "ɣ": "g", "ƙ": "k", "ɲ": "n", "ɔ": "o", "ƥ": "p",
    "ƭ": "t", "ʋ": "v", "ƴ": "y",
    # apostrophes that are letters: Hawaiian, Ukrainian in Latin
    "ʻ": "", "ʼ": "", "ʹ": "",
})  # fmt: skip


def plain(text: str) -> str:
    """`text` in lower case, decomposed; the accents are still there, behind their letters (category Mn)."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    return unicodedata.normalize("NFKD", folded).casefold().translate(_PLAIN)

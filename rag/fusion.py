"""Two ranked lists of one query -> one. Pure; knows neither texts nor indexes.

The rule is a weighted sum of similarities that were scaled to [0, 1] within the query (convex
combination, Bruch et al. 2023, "An Analysis of Fusion Functions for Hybrid Retrieval",
doi.org/10.1145/3596512), which beats reciprocal-rank fusion because it keeps how much better the
first is than the second. What was measured here is in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

# Measured, hit@1 by weight 0.3/0.5/0.7, MiniLM against keyword alone and reciprocal ranks:
# SQuAD2 paragraphs .800/.805/.783 (.787, .740), XQuAD en .952/.956/.954 (.944, .946).
DENSE_WEIGHT = 0.5

_BEHIND = 1.0 - 1e-6
# All that lift() may add to one candidate.
MOST_BONUS = 4.0

# An embedder that was trained on a language has whole words for it. One that was not falls back
# to single characters, and its similarities are noise. Median letters a token of MiniLM (English)
# on XQuAD's questions: en 4.1, de 2.6, es 2.6, hi 1.4, ru, ar and zh 1.0. Scaling the weight by it,
# hit@1: de .895 -> .918, es .909 -> .928, hi .622 -> .694, ru .785 -> .797, zh .897 -> .938,
# ar .767 -> .841, en as before. An embedder that does know an unspaced script (1.5 letters a
# token or fewer) is not recognised; its share then goes to the keyword side. At 2 a token the
# dense side of hi (hit@1 .115 alone) no longer has a say, and de loses nothing.
_UNKNOWN_LETTERS_PER_TOKEN = 2.0
_KNOWN_LETTERS_PER_TOKEN = 3.0


@dataclass(frozen=True, slots=True)
class Fused:
    """A candidate of either list. similarity: in [0, 1], comparable within one query only.

    dense_similarity, keyword_similarity: as they came in; None where that list did not have it.
    """

    chunk_id: int
    similarity: float
    dense_similarity: float | None
    keyword_similarity: float | None


def fuse(
    dense: Sequence[tuple[int, float]],
    keyword: Sequence[tuple[int, float]],
    *,
    dense_weight: float = DENSE_WEIGHT,
    dense_floor: float | None = None,
) -> list[Fused]:
    """Merge (chunk id, similarity) lists, best first; ties go to the lower chunk id.

    dense: cosines. keyword: BM25, higher is better. Ids are unique within each list.
    dense_floor: the cosine that is worth nothing; None takes the list's least. What lies below is
        worth nothing either.
    dense_weight: in [0, 1]; the keyword list has the rest. An empty list gives its share to the
    other, so that a query without any known word is still ranked in [0, 1].
    """
    if not 0.0 <= dense_weight <= 1.0:
        raise ValueError(f"dense_weight must be in [0, 1], got {dense_weight}")
    dense_raw, keyword_raw = dict(dense), dict(keyword)
    dense_scaled = _min_max(dense_raw, dense_floor)
    keyword_scaled = _keyword_scaled(keyword_raw)
    weight = 1.0 if not keyword else 0.0 if not dense else dense_weight
    fused = [
        Fused(
            chunk_id=chunk_id,
            similarity=weight * dense_scaled.get(chunk_id, 0.0)
            + (1.0 - weight) * keyword_scaled.get(chunk_id, 0.0),
            dense_similarity=dense_raw.get(chunk_id),
            keyword_similarity=keyword_raw.get(chunk_id),
        )
        for chunk_id in dense_raw.keys() | keyword_raw.keys()
    ]
    return sorted(fused, key=lambda f: (-f.similarity, f.chunk_id))


def lift(fused: Sequence[Fused], bonus: Mapping[int, float]) -> list[Fused]:
    """Add to similarities what else speaks for a candidate, and order them anew.

    bonus: chunk id -> in [0, MOST_BONUS]; 0 where it is not named. Similarities stay in [0, 1].
    """
    lifted = [
        replace(f, similarity=(f.similarity + bonus.get(f.chunk_id, 0.0)) / (1.0 + MOST_BONUS))
        for f in fused
    ]
    return sorted(lifted, key=lambda f: (-f.similarity, f.chunk_id))


def follow(
    fused: Sequence[Fused],
    links: Mapping[int, int],
    *,
    share: float,
    bonus: Mapping[int, float] | None = None,
) -> list[Fused]:
    """Let what a good candidate points at come up behind it, in a new order.

    links: chunk id -> the candidate that points at it. share: of that one's similarity, is added,
    and the bonus, 0 where it is not named, on the scale of lift(); never so much that it passes the
    one it came by.
    """
    bonus = bonus or {}
    similarities = {f.chunk_id: f.similarity for f in fused}

    def followed(f: Fused) -> Fused:
        source = similarities.get(links.get(f.chunk_id, f.chunk_id), 0.0)
        if f.chunk_id not in links or f.similarity >= source:
            return f
        more = share * source + bonus.get(f.chunk_id, 0.0) / (1.0 + MOST_BONUS)
        return replace(f, similarity=min(f.similarity + more, source * _BEHIND))

    return sorted(map(followed, fused), key=lambda f: (-f.similarity, f.chunk_id))


def dense_weight_for(letters: int, tokens: int) -> float:
    """How far to trust the dense side, from how the embedder's tokenizer cuts up the query.

    letters: characters of the query that are not white space. tokens: their token count, special
    tokens left out. Falls from DENSE_WEIGHT to 0 as the tokens shrink to single characters.
    """
    if letters <= 0 or tokens <= 0:
        return DENSE_WEIGHT
    span = _KNOWN_LETTERS_PER_TOKEN - _UNKNOWN_LETTERS_PER_TOKEN
    known = (letters / tokens - _UNKNOWN_LETTERS_PER_TOKEN) / span
    return DENSE_WEIGHT * min(1.0, max(0.0, known))


def _min_max(similarities: Mapping[int, float], floor: float | None) -> dict[int, float]:
    """Scaled so that the best is 1 and the floor (None: the worst) 0; all equal is all 1."""
    if not similarities:
        return {}
    low, high = min(similarities.values()), max(similarities.values())
    low = low if floor is None else floor
    if high <= low:
        return dict.fromkeys(similarities, 1.0)
    return {
        chunk_id: max(0.0, value - low) / (high - low) for chunk_id, value in similarities.items()
    }


def _keyword_scaled(similarities: Mapping[int, float]) -> dict[int, float]:
    """BM25 has a true zero (no term in common), so only the top of the scale is moved."""
    high = max(similarities.values(), default=0.0)
    if high <= 0.0:
        return dict.fromkeys(similarities, 0.0)
    return {chunk_id: max(0.0, value) / high for chunk_id, value in similarities.items()}

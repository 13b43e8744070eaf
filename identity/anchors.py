"""Ids that stay: anchors, customer ids and the ids under which records are published.

Here: which record a group hangs on, the keyed hash that names the group, the keyed hash in place of a record id that is
itself personal. Not here: the groups (`resolution`), the history of ids.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from identity import phones
from identity.normalise import tidy

ID_CHARACTERS = 20
# A record type with one of these words has ids that name a person: an OpenID, a marketplace nick, a message address.
PERSONAL_RECORD_TYPES = (
    *("openid", "open_id", "unionid", "union_id", "nick", "address", "email", "phone", "mailbox", "wechat"),
)

_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype="S1")
_BATCH = 100_000


def anchor_order(
    is_anonymous: np.ndarray, birth: np.ndarray, created_at: np.ndarray, source_rank: np.ndarray, key_rank: np.ndarray
) -> np.ndarray:
    """Each record's place in the order (anonymous?, birth night, created_at, source rank, record key), 0 first."""
    order = np.lexsort((key_rank, source_rank, created_at, birth, is_anonymous))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place


def anchors(group: np.ndarray, place: np.ndarray) -> np.ndarray:
    """The first record of each group 0..k-1 in the anchor order."""
    anchor = np.empty(int(group.max(initial=-1)) + 1, dtype=np.int64)
    by_place = np.empty(len(place), dtype=np.int64)
    by_place[place] = np.arange(len(place))
    backwards = by_place[::-1]
    anchor[group[backwards]] = backwards  # the first in the order is written last
    return anchor


def births_of(record_key: pa.Array, births: pa.Table, night: int) -> np.ndarray:
    """Each record's birth night; tonight's for a record never published."""
    if births.num_rows == 0:
        return np.full(len(record_key), night, dtype=np.int64)
    first = births.group_by("record_key").aggregate([("birth_night", "min")])
    index = pc.index_in(record_key, value_set=first["record_key"].combine_chunks().cast(record_key.type))
    nights = first["birth_night_min"].combine_chunks().cast(pa.int64()).take(index)
    return np.array(pc.fill_null(nights, night).to_numpy(zero_copy_only=False))


def source_ranks(source_system: pa.Array, source_rank: Sequence[str]) -> np.ndarray:
    """Each record's source as its place in the list; a source that is not in it comes last."""
    ranks = pc.index_in(source_system, value_set=pa.array(list(source_rank), pa.string()))
    return np.array(pc.fill_null(ranks, len(source_rank)).to_numpy(zero_copy_only=False))


def customer_ids(anchor_keys: pa.Array, home_key: bytes) -> pa.Array:
    """`c_` and 20 base-32 characters of HMAC-SHA256(home key, anchor record key)."""
    return _keyed_ids("c_", anchor_keys, home_key)


def published_record_ids(
    source_record_id: pa.Array,
    record_type: pa.Array,
    region: pa.Array,
    record_key: pa.Array,
    home_key: bytes,
    named_personal: pa.Array | None = None,
) -> pa.Array:
    """The source's record id, or `h_` and a keyed hash of the record key where that id is itself personal.

    Personal is an id with an @, a mobile number, every id of a record type that is a person's name for themselves, and
    the ids that `named_personal` (booleans) marks.
    """
    personal = is_personal(source_record_id, record_type, region)
    if named_personal is not None:
        personal = pc.or_(personal, named_personal)
    where = pc.indices_nonzero(personal)
    if len(where) == 0:
        return source_record_id
    # The word in front keeps the hash of a record apart from the customer id of the group it anchors.
    message = pc.binary_join_element_wise("record", record_key.take(where).cast(pa.string()), "\x1f")
    hashed = _keyed_ids("h_", message, home_key)
    return pc.replace_with_mask(source_record_id, personal, hashed)


def is_personal(source_record_id: pa.Array, record_type: pa.Array, region: pa.Array) -> pa.Array:
    """Whether a record's id says who the person is."""
    kinds = record_type.dictionary_encode()
    words = "|".join(PERSONAL_RECORD_TYPES)
    by_kind = pc.match_substring_regex(kinds.dictionary, pattern=rf"(?i)(?:^|_)(?:{words})(?:$|_)")
    personal = pc.fill_null(by_kind.take(kinds.indices), False)
    personal = pc.or_(personal, pc.match_substring_regex(source_record_id, pattern="[@＠]"))
    looks = pc.match_substring_regex(source_record_id, pattern=r"^[\s+(0-9０-９][\s()+./\-0-9０-９]{6,24}$")
    looks = pc.and_(looks, pc.invert(personal))
    where = pc.indices_nonzero(looks)
    if len(where):
        is_mobile = phones.is_mobile_number(tidy(source_record_id.take(where)), region.take(where))
        personal = pc.replace_with_mask(personal, looks, is_mobile)
    return personal


def published_ids(ids: pa.Array, home_key: bytes) -> pa.Array:
    """`h_` and a keyed hash of each text, for ids of rows that may be made of a person's address or name."""
    return _keyed_ids("h_", pc.binary_join_element_wise("id", ids.cast(pa.string()), "\x1f"), home_key)


def _keyed_ids(prefix: str, messages: pa.Array, home_key: bytes) -> pa.Array:
    parts = []
    for begin in range(0, len(messages), _BATCH):
        texts = messages.slice(begin, _BATCH).to_pylist()
        digests = b"".join([hmac.digest(home_key, text.encode(), "sha256")[:13] for text in texts])
        bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8).reshape(-1, 13), axis=1)
        digits = bits[:, : ID_CHARACTERS * 5].reshape(-1, ID_CHARACTERS, 5) @ np.array([16, 8, 4, 2, 1], dtype=np.uint8)
        characters = np.ascontiguousarray(_ALPHABET[digits]).view(f"S{ID_CHARACTERS}").ravel()
        parts.append(pc.binary_join_element_wise(prefix, pa.array(characters).cast(pa.string()), ""))
    return pa.concat_arrays(parts) if parts else pa.nulls(0, pa.string())

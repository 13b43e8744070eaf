"""The four raw tables of tills, and what a row of each must have to be staged.

How a till's own tables become these belongs in `ingestion/till_mapping.py`, how they are read in
`ingestion/till_database.py`.
"""

from __future__ import annotations

from ingestion.source import RawTable, names

# What an incremental pull advances on; every table has it.
CHANGED = "updated_at"

TABLES = (
    RawTable(
        "stores",
        names("store_id name city country timezone currency updated_at"),
        ("store_id",),
        record_time=CHANGED,
        cursor=CHANGED,
    ),
    RawTable(
        "members",
        names(
            """member_no full_name phone email birth_date gender street city postcode country member_level store_id
            consent_sms consent_email joined_at updated_at"""
        ),
        ("member_no",),
        record_time="joined_at",
        cursor=CHANGED,
    ),
    RawTable(
        "receipts",
        names(
            """receipt_id receipt_no store_id register_no kind sold_at currency member_no customer_name customer_phone
            customer_street customer_birth_date total_amount discount_amount tax_amount rounding_amount payment_method
            original_receipt_id original_order_name status cashier updated_at"""
        ),
        ("receipt_id",),
        record_time="sold_at",
        cursor=CHANGED,
    ),
    RawTable(
        "receipt_lines",
        names(
            """receipt_id line_no sku product_name category quantity unit_price discount_amount tax_amount
            updated_at"""
        ),
        ("receipt_id", "line_no"),
        record_time=CHANGED,
        cursor=CHANGED,
    ),
)
# Beside its change time; a row without one of these would only be quarantined.
NEEDED = {
    "stores": names("store_id timezone currency"),
    "members": names("member_no joined_at"),
    "receipts": names("receipt_id store_id kind sold_at currency total_amount status"),
    "receipt_lines": names("receipt_id line_no quantity unit_price"),
}
TIMES = frozenset({"sold_at", "joined_at", CHANGED})

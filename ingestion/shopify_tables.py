"""The raw tables of a Shopify shop: the resources of its Admin REST API and the fields kept as columns.

Fields are named as Shopify names them; what is not listed lands in `_extra`. How the resources are fetched belongs in
`ingestion/sources/shopify.py`.
"""

from __future__ import annotations

from ingestion.source import RawTable, names

ORDERS = RawTable(
    "orders",
    names(
        """id name order_number email phone created_at updated_at processed_at cancelled_at cancel_reason closed_at
        currency presentment_currency financial_status fulfillment_status test taxes_included total_price
        subtotal_price total_line_items_price total_discounts total_tax total_tip_received total_shipping_price_set
        total_price_set current_total_price original_total_duties_set original_total_additional_fees_set
        source_name landing_site referring_site tags note note_attributes customer
        billing_address shipping_address line_items shipping_lines discount_codes discount_applications tax_lines
        refunds fulfillments payment_gateway_names location_id buyer_accepts_marketing checkout_token
        confirmed"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
CUSTOMERS = RawTable(
    "customers",
    names(
        """id email phone first_name last_name created_at updated_at state verified_email tags note currency
        addresses default_address email_marketing_consent sms_marketing_consent tax_exempt"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
PRODUCTS = RawTable(
    "products",
    names(
        """id title vendor product_type status handle tags variants options created_at updated_at
        published_at"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
LOCATIONS = RawTable(
    "locations",
    names(
        """id name address1 address2 city zip province province_code country country_code country_name phone legacy
        active created_at updated_at"""
    ),
    ("id",),
    record_time="created_at",
)
INVENTORY_LEVELS = RawTable(
    "inventory_levels",
    names("inventory_item_id location_id available updated_at"),
    ("inventory_item_id", "location_id"),
    record_time="updated_at",
    cursor="updated_at",
)
CHECKOUTS = RawTable(
    "checkouts",
    names(
        """id token cart_token name email phone gateway created_at updated_at completed_at closed_at currency
        presentment_currency taxes_included total_price subtotal_price total_line_items_price total_discounts total_tax
        source_name landing_site referring_site note note_attributes customer billing_address shipping_address
        line_items shipping_lines discount_codes tax_lines buyer_accepts_marketing abandoned_checkout_url
        customer_locale location_id"""
    ),
    ("id",),
    record_time="created_at",
    cursor="updated_at",
)
EVENTS = RawTable(
    "events",
    names("id subject_id subject_type verb created_at arguments body message author description path"),
    ("id",),
    record_time="created_at",
    cursor="created_at",
)
# `order_updated_at` is not Shopify's: it says up to which change of its order the transactions are known, and so how
# far the orders have been asked for theirs.
TRANSACTIONS = RawTable(
    "transactions",
    names(
        """id order_id parent_id kind status amount currency gateway message error_code test source_name payment_id
        manual_payment_gateway created_at processed_at order_updated_at"""
    ),
    ("id",),
    record_time="processed_at",
    cursor="order_updated_at",
)
TABLES = (ORDERS, CUSTOMERS, PRODUCTS, LOCATIONS, INVENTORY_LEVELS, CHECKOUTS, EVENTS, TRANSACTIONS)

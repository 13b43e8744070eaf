"""The one naming rule: folder = schema = key prefix = group. Nothing else makes an asset key."""

from dagster import AssetKey


def asset_key(schema: str, table: str) -> AssetKey:
    """The asset of a table, e.g. ``marts/customers``."""
    return AssetKey([schema, table])

"""Superset for one home: its own small database and keys beside the home's, the published file read-only.

Belongs here: settings. What is shown stands in `assets/`, and how it gets into Superset in `load.py`.
"""

import os
import secrets
from pathlib import Path

HOME = Path(os.environ["OMNIHOUSE_HOME"]).expanduser().resolve()
STATE = HOME / "bi"
STATE.mkdir(mode=0o700, parents=True, exist_ok=True)


def _kept(name: str) -> str:
    """A secret of this home: random once, then kept."""
    file = STATE / name
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as fresh:
            fresh.write(secrets.token_urlsafe(32))
    return file.read_text()


SECRET_KEY = _kept("secret_key")
ADMIN_PASSWORD = _kept("admin_password")
SQLALCHEMY_DATABASE_URI = f"sqlite:///{STATE / 'superset.db'}"
DATA_DIR = str(STATE)
# A DuckDB file counts as unsafe, for its SQL can read other files: this connection has that switched off (`load.py`).
PREVENT_UNSAFE_DB_CONNECTIONS = False
# Nothing is kept of an answer, so that a chart shows the newest publication; the file is small and near.
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "SupersetMetastoreCache",
    "CACHE_DEFAULT_TIMEOUT": 86400,
}
# Superset opens and closes a connection a query (NullPool), which is what makes it follow a swap.
WTF_CSRF_ENABLED = True
# Pages carry a picture that counts visits at their makers' and cannot be switched off: the browser is told to load
# nothing from elsewhere. No https, for this server listens on this machine only.
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {
        "base-uri": ["'self'"],
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "force_https": False,
    "session_cookie_secure": False,
}
SQLLAB_ASYNC_TIME_LIMIT_SEC = 60
ROW_LIMIT = 5000
APP_NAME = "Omnihouse"
LOG_LEVEL = "WARNING"

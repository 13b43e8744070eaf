"""The demo company: a simulated retailer with known truth, reached only the ways a real company is.

Belongs here: the package's public names. Does not belong here: any code; see ``company`` for how a night is made.
"""

from ingestion.demo.company import Company
from ingestion.demo.noise import NoiseRates

__all__ = ["Company", "NoiseRates"]

"""The demo company itself: one home, one night after the other, and its servers.

Belongs here: the order in which a night reaches every system, and recovery after a crash.
Does not belong here: how any one system draws or writes its records.

A night is drawn from seed, size and day alone and written in this order: tills, landing files, shop and desk (whose
marker is the company's night), truth. A night interrupted anywhere is written again with the same content.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from ingestion.demo.clock import as_of
from ingestion.demo.desk_server import desk_handler
from ingestion.demo.faults import DESK, SHOP, Face, Faults, check_faults, faults_of
from ingestion.demo.http_server import Handler, json_server, serving, silent_port
from ingestion.demo.nights import LANDING_FOLDERS, Simulation
from ingestion.demo.noise import NoiseRates
from ingestion.demo.population import Population
from ingestion.demo.shop_server import shop_handler
from ingestion.demo.systems import Systems, TillDatabase
from ingestion.demo.truth import truth_night, write_atomically, write_truth

ACCESS_TOKEN = "shpat_demo_0f2c1a"
DESK_EMAIL, DESK_TOKEN = "robot@omni.example", "demo-token-7b31"
# What the café's till does not write into its exports, added to the mapping that is shipped for them.
OWN_MAPPINGS = {"loyverse_receipts": "currency: CNY\ntimezone: Asia/Shanghai\n"}
SOURCES = ("shopify", "zendesk", "pos")


class Company:
    """A retailer with known truth.

    ``home`` is created if absent. ``down`` names systems (shopify, zendesk, pos) that do not answer, ``faults`` what
    the servers of shop and desk do to their clients (see ``faults``). ``folders`` are the landing folders it fills, by
    default those it was founded with, and at its founding all; what it leaves out is in no truth either. ``landing/``
    and ``mappings/``, the company's own, are a working set of inputs for another home, too.
    """

    def __init__(
        self,
        home: Path,
        persons: int = 5000,
        seed: int = 1,
        down: Collection[str] = (),
        noise: NoiseRates | None = None,
        faults: Collection[str] = (),
        folders: Collection[str] | None = None,
    ) -> None:
        check_faults(faults)
        unknown = sorted(set(down) - set(SOURCES))
        if unknown:
            raise ValueError(f"down names {', '.join(unknown)}; the demo company has {', '.join(SOURCES)}")
        strange = sorted(set(folders or ()) - set(LANDING_FOLDERS))
        if strange:
            raise ValueError(f"folders names {', '.join(strange)}; the demo company fills {', '.join(LANDING_FOLDERS)}")
        if persons < 1:
            raise ValueError(f"persons is {persons}; the demo company needs at least one")
        self.home = Path(home)
        self.down, self.faults = frozenset(down), frozenset(faults)
        self.served: dict[str, Faults] = {}
        self.landing = self.home / "landing"
        self.truth = self.home / "truth"
        self.home.mkdir(parents=True, exist_ok=True)
        self.landing.mkdir(exist_ok=True)
        self.persons, self.seed, self.noise = persons, seed, noise or NoiseRates()
        self.systems = Systems(self.home / "systems.sqlite")
        founded = self.systems.meta().get("folders", ", ".join(LANDING_FOLDERS)).split(", ")
        self.folders = tuple(sorted(filter(None, founded if folders is None else folders)))
        self.tills = TillDatabase(self.home / "pos.sqlite")
        self._check_founding()
        self._simulation: Simulation | None = None
        self.mappings = self.home / "mappings"
        for name, settings in OWN_MAPPINGS.items():
            shipped = (Path(__file__).parents[1] / "mappings" / f"{name}.yml").read_text()
            write_atomically(self.mappings / f"{name}.yml", f"{shipped}{settings}".encode(), self.home / "partial")

    def _check_founding(self) -> None:
        wanted = {
            "persons": str(self.persons),
            "seed": str(self.seed),
            "noise": json.dumps(dataclasses.asdict(self.noise), sort_keys=True),
            "folders": ", ".join(self.folders),
        }
        self.systems.found(wanted)
        kept = self.systems.meta()
        differ = [key for key, value in wanted.items() if kept[key] != value]
        if differ:
            what = "; ".join(f"{key} is {kept[key]} there and {wanted[key]} now" for key in differ)
            raise ValueError(
                f"the demo company in {self.home} was founded differently: {what}. Use the values it was founded with, "
                "or choose another home"
            )

    @property
    def night(self) -> int:
        """The last night whose records the systems hold; 0 before the first."""
        return self.systems.night

    def as_of(self, night: int) -> datetime:
        """The UTC datetime of the simulated run of a night."""
        return as_of(night)

    def advance(self, night: int) -> None:
        """Bring every system to its state at the night, one night after the other; repeating it changes nothing."""
        if night < self.night:
            raise ValueError(
                f"the demo company in {self.home} is at night {self.night} and cannot go back to night {night}"
            )
        for next_night in range(self.night + 1, night + 1):
            self._write(next_night)
        if night > 0 and truth_night(self.truth) != self.night:
            write_truth(
                self.truth, self.home / "partial", self.systems, self.tills, self.persons, self.seed, self.folders
            )

    def _write(self, night: int) -> None:
        if self._simulation is None:
            self._simulation = Simulation(Population(self.persons, self.seed, self.noise), self.folders)
        tonight = self._simulation.night(night)
        self.tills.write_night(night, tonight.till_rows)
        for name, content in sorted(tonight.files.items()):
            write_atomically(self.landing / name, content, self.home / "partial")
        self.systems.write_night(
            night, tonight.documents, tonight.records, tonight.books, tonight.tallies, tonight.causes
        )

    @contextmanager
    def serve(self) -> Iterator[dict[str, dict[str, str]]]:
        """Serve shop and desk on free loopback ports; yields the settings of shopify, zendesk and pos."""
        with ExitStack() as stack:
            if "shopify" in self.down:
                shop_port = stack.enter_context(silent_port())
            else:
                shop_port = self._serve(stack, "shopify", SHOP, shop_handler(self.systems, ACCESS_TOKEN))
            if "zendesk" in self.down:
                desk_port = stack.enter_context(silent_port())
            else:
                now = int(as_of(self.night).timestamp())
                desk_port = self._serve(stack, "zendesk", DESK, desk_handler(self.systems, DESK_EMAIL, DESK_TOKEN, now))
            database = self.home / "closed" / "till" / "pos.sqlite" if "pos" in self.down else self.tills.path
            yield {
                "shopify": {"shop_url": f"http://127.0.0.1:{shop_port}", "access_token": ACCESS_TOKEN},
                "zendesk": {
                    "base_url": f"http://127.0.0.1:{desk_port}",
                    "email": DESK_EMAIL,
                    "api_token": DESK_TOKEN,
                },
                "pos": {"database_url": f"sqlite:///{database.resolve()}"},
            }

    def _serve(self, stack: ExitStack, system: str, face: Face, handler: Handler) -> int:
        """The port of a system's server, which has the faults asked for."""
        if wanted := faults_of(self.faults, system):
            seed = f"{self.seed}/{self.night}/{system}"
            handler = Faults(handler, face, wanted, seed, self.systems, as_of(self.night))
            self.served[system] = handler
        return stack.enter_context(serving(json_server(handler)))

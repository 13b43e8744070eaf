"""How well the demo company's people are stitched; the truth is only looked at afterwards."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ingestion.demo.noise import NoiseRates
from tests.integration.identity_company import Figures, figures, scaled, stitching_inputs

PERSONS = 2000
FEWER_PERSONS = 700  # where noise is other than usual, and less is asked for
SEEDS = (11, 12, 13, 14, 15)
# What the shares of noise have to be at least: persons, orders or till records, as `NoiseRates` says.
LEAST_NOISE = {
    "couples": 0.30,
    "shared_phone": 0.075,
    "same_initial": 0.20,
    "two_phones": 0.08,
    "changed_phone": 0.05,
    "changed_email": 0.08,
    "recycled_phone": 0.02,
    "parcel_phone": 0.06,
    "nameless_receipts": 0.50,
    "wrong_phone": 0.02,
    "misspelt_name": 0.04,
    "other_script": 0.10,
    "name_only": 0.05,
    "name_only_street": 0.60,
    "name_only_birth_date": 0.25,
    "placeholder_phone": 0.015,
    "placeholder_unlisted": 0.20,
    "shared_device": 0.04,
    "replaced_card": 0.01,
    "staff_tablets": 3,
}


def _company(home: Path, seed: int, times: float, known: Path) -> tuple[Figures, float]:
    """The figures of a company, and the share of its records whose owner cannot be told."""
    inputs = stitching_inputs(home, PERSONS if times == 1.0 else FEWER_PERSONS, seed, scaled(times), known)
    truth = pq.read_table(home / "demo" / "truth" / "records.parquet")["undecidable"].to_pylist()
    return figures(inputs), sum(truth) / len(truth)


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory, known: Path) -> dict[tuple[int, float], tuple[Figures, float]]:
    """Five companies with the default noise, one with half as much and one with half as much again."""
    wanted = [(seed, 1.0) for seed in SEEDS] + [(21, 0.5), (22, 1.5)]
    folder = tmp_path_factory.mktemp("quality")
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        running = {
            (seed, times): pool.submit(_company, folder / f"{seed}", seed, times, known) for seed, times in wanted
        }
        found = {key: future.result() for key, future in running.items()}
    for key, (one, undecidable) in found.items():
        print(key, one.records, round(undecidable, 4), one.measures)
    return found


@pytest.fixture(scope="module")
def usual(companies: dict[tuple[int, float], tuple[Figures, float]]) -> list[tuple[Figures, float]]:
    return [company for (_, times), company in companies.items() if times == 1.0]


def test_the_noise_is_as_strong_as_it_has_to_be() -> None:
    rates = NoiseRates()
    assert {name: getattr(rates, name) for name in LEAST_NOISE if getattr(rates, name) < LEAST_NOISE[name]} == {}


def test_few_records_are_undecidable(usual: list[tuple[Figures, float]]) -> None:
    assert all(0.02 <= undecidable <= 0.06 for _, undecidable in usual)


def test_the_company_is_too_difficult_for_simple_means(usual: list[tuple[Figures, float]]) -> None:
    assert max(found.measures["plain"]["raw"][0] for found, _ in usual) <= 0.95
    assert max(found.measures["exact"]["raw"][1] for found, _ in usual) <= 0.90


def test_pairs_of_decidable_records(usual: list[tuple[Figures, float]]) -> None:
    assert min(found.measures["all"]["decidable"][0] for found, _ in usual) >= 0.995
    assert min(found.measures["all"]["decidable"][1] for found, _ in usual) >= 0.97


def test_pairs_of_all_known_records(usual: list[tuple[Figures, float]]) -> None:
    assert min(found.measures["all"]["raw"][0] for found, _ in usual) >= 0.985


def test_exact_links_alone(usual: list[tuple[Figures, float]]) -> None:
    assert min(found.measures["exact"]["decidable"][0] for found, _ in usual) >= 0.998


@pytest.mark.parametrize("key", [(21, 0.5), (22, 1.5)], ids=["half the noise", "half as much again"])
def test_with_other_noise(key: tuple[int, float], companies: dict[tuple[int, float], tuple[Figures, float]]) -> None:
    precision, recall = companies[key][0].measures["all"]["decidable"]
    assert precision >= 0.99
    assert recall >= 0.95


def test_no_frequent_kind_of_noise_merges_people(usual: list[tuple[Figures, float]]) -> None:
    for found, _ in usual:
        assert all(precision >= 0.9 for _, records, precision, _ in found.by_noise if records >= 300)

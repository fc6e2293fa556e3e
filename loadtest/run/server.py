"""Reads the service's `/metrics`: how large its batches were. A service without them is fine."""

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from loadtest.results import Batches

METRIC = "stillhouse_batch_texts"
TIMEOUT = 5.0  # seconds

Totals = dict[str, tuple[int, int]]  # by model: batches, texts


def read_batches(host: str) -> Totals:
    """What the service has counted since its start; nothing if it does not tell."""
    try:
        response = urllib3.request("GET", f"{host}/metrics", timeout=TIMEOUT, retries=False)
    except urllib3.exceptions.HTTPError:
        return {}
    return parse_batches(response.data.decode(errors="replace")) if response.status == 200 else {}


def parse_batches(text: str) -> Totals:
    """Reads Prometheus' text format; nothing if it is not that."""
    found: Totals = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                model = sample.labels.get("model", "")
                batches, texts = found.get(model, (0, 0))
                # A line for each version of a model.
                if sample.name == f"{METRIC}_count":
                    found[model] = (batches + int(sample.value), texts)
                elif sample.name == f"{METRIC}_sum":
                    found[model] = (batches, texts + int(sample.value))
    except ValueError:
        return {}
    return found


def batches_between(before: Totals, after: Totals) -> tuple[Batches, ...]:
    """What the service ran in between, of the models that ran anything."""
    found = []
    for model, (batches, texts) in sorted(after.items()):
        batches_before, texts_before = before.get(model, (0, 0))
        if batches > batches_before:
            found.append(Batches(model, batches - batches_before, texts - texts_before))
    return tuple(found)

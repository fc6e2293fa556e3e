"""docs/reference/metrics.md: what `/metrics` has."""

from prometheus_client.metrics import MetricWrapperBase

from service.telemetry.gauges import StoreGauge, of_store
from service.telemetry.metrics import Metrics
from tests.docs.reference.markdown import WRITTEN, table

HEAD = f"""# Metrics

What `GET /metrics` has, for Prometheus; of several workers added up. Counters only rise, gauges
are as things are now, and a histogram has `_bucket`, `_sum` and `_count`.
[How to read them](../how-to/metrics.md). {WRITTEN}

"""


def metrics() -> str:
    """The page."""
    found = Metrics()
    labels = {
        one._name: one._labelnames
        for one in vars(found).values()
        if isinstance(one, MetricWrapperBase)
    }
    rows = []
    store = of_store(StoreGauge(up=True, synced_at=0.0))  # of a repository by URL alone
    for family in (*found.registry.collect(), *store):
        names = labels.get(family.name, getattr(family, "_labelnames", ()))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        said = ", ".join(f"`{label}`" for label in names)
        rows.append([f"`{name}`", family.type, said, family.documentation])
    return HEAD + table(["name", "kind", "labels", "meaning"], rows)
